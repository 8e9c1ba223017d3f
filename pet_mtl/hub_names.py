"""The hub: which names mean a model of it, and whether it can be asked now."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pet_mtl.errors import PetMtlError

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
# the hub still answers to these names of before it had owners
_WITHOUT_OWNER = {
    "albert-base-v1",
    "albert-base-v2",
    "albert-large-v2",
    "albert-xlarge-v2",
    "albert-xxlarge-v2",
    "bert-base-cased",
    "bert-base-chinese",
    "bert-base-german-cased",
    "bert-base-multilingual-cased",
    "bert-base-multilingual-uncased",
    "bert-base-uncased",
    "bert-large-cased",
    "bert-large-uncased",
    "camembert-base",
    "distilbert-base-cased",
    "distilbert-base-multilingual-cased",
    "distilbert-base-uncased",
    "distilroberta-base",
    "roberta-base",
    "roberta-large",
    "xlm-roberta-base",
    "xlm-roberta-large",
}
_FOLDERS = {
    "run",
    "runs",
    "out",
    "output",
    "outputs",
    "model",
    "models",
    "checkpoint",
    "checkpoints",
    "last",
}
_SECONDS = 10.0


def is_hub_name(name: str, base: Path | None = None) -> bool:
    """Say whether a name that is no folder means a model of the hub: `OWNER/MODEL` that does not
    look like a path here, or one of the old names without an owner.

    Args:
        base: where relative folders may start, beside the working directory.
    """
    if name in _WITHOUT_OWNER:
        return True
    if not HUB_NAME.fullmatch(name):
        return False
    owner, model = name.split("/")
    if owner in _FOLDERS or model in _FOLDERS:
        return False
    starts = (*((base,) if base else ()), Path())
    return not any(is_there(start / owner) for start in starts)


def is_there(path: Path) -> bool:
    """Say whether anything has this name, a link that leads nowhere too."""
    return path.is_symlink() or path.exists()


def kept_only(name: str) -> bool:
    """Say whether a model can be had from the cache only, since the hub cannot be reached.

    The hub is asked once, without the minute of retries that each file of the model would take.

    Raises:
        PetMtlError: it cannot be reached and the model is not in the cache, or it has no such
            model.
    """
    from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache

    try:
        answer = _asked(hf_hub_url(name, "config.json"))
    except Exception as error:  # of whatever client huggingface_hub uses
        if isinstance(try_to_load_from_cache(name, "config.json"), str):
            return True
        offline = constants.is_offline_mode()
        reason = "`HF_HUB_OFFLINE` is set" if offline else str(error) or type(error).__name__
        raise PetMtlError(
            f"no folder has this name, and the hub cannot be asked for it: {reason}",
            where=name,
            hint=(
                "download the model where there is a network (`hf download "
                f"{name} --local-dir DIR`) and give its folder"
            ),
        ) from error
    if answer.headers.get("x-error-code") == "RepoNotFound":
        raise PetMtlError(
            "no folder has this name, and the hub has no such public model",
            where=name,
            hint="check its spelling; for a model that needs leave, log in with `hf auth login`",
        )
    return False


@contextmanager
def asked_once(data_set: str) -> Iterator[None]:
    """Load a data set of the hub within: where the hub cannot be reached, from the cache, without
    the half minute of retries that `datasets` would take.

    `datasets` and huggingface_hub are set offline meanwhile. That holds for the whole process, in
    which nothing could reach the hub anyway.
    """
    from huggingface_hub import constants, hf_hub_url

    try:
        _asked(hf_hub_url(data_set, "README.md", repo_type="dataset"))
    except Exception:  # of whatever client huggingface_hub uses
        from datasets import config

        before = constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE
        constants.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE = True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE = before
    else:
        yield


def _asked(url: str) -> Any:
    """Ask the hub for the head of a file, once; whatever its client raises is passed on."""
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import get_session

    return get_session().head(url, headers=build_hf_headers(), timeout=_SECONDS)
