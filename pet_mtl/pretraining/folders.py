"""The folders that a pre-training run writes: the model, and the state that `--resume` goes on
from."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from pet_mtl.atomic import new_folder, recover_folder
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.resources import versions
from pet_mtl.storage.checked_json import read_bounded
from pet_mtl.storage.digests import DIGESTS, check_files, write_digests
from pet_mtl.storage.folder_kinds import BEGUN
from pet_mtl.storage.outputs import begun_run
from pet_mtl.storage.pretrained import load_into, quiet_transformers
from pet_mtl.storage.state import Progress, read_progress, write_state
from pet_mtl.storage.trained_on import Keys, write_trained_on
from pet_mtl.suite.auto import RECORD

_REQUEST = "pretrain.json"


@dataclass(frozen=True)
class Stored:
    """A run that can be gone on with."""

    request: PretrainRequest
    progress: Progress


def write_model(
    folder: Path,
    mlm: Any,
    tokenizer: PieceTokenizer,
    *,
    half: bool,
    facts: dict[str, Any],
    trained_on: Mapping[str, Keys] = {},
) -> None:
    """Write an ordinary transformers folder, in place of one that is there.

    Args:
        half: store fp16 weights.
        facts: how it was made, for people and model cards: `pretraining.json`.
        trained_on: the `row_keys` of each task's rows that it has seen.
    """
    with new_folder(folder) as temporary:
        _fill(temporary, copy.deepcopy(mlm).half() if half else mlm, tokenizer)
        if trained_on:
            write_trained_on(temporary, trained_on)
        text = json.dumps(facts | {"versions": versions()}, indent=1)
        (temporary / RECORD).write_text(text + "\n", encoding="utf-8")


def write_last(
    folder: Path,
    mlm: Any,
    tokenizer: PieceTokenizer,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    stored: Stored,
) -> None:
    """Write the state of a run, itself a transformers folder."""
    with new_folder(folder) as temporary:
        write_state(temporary, model, optimizer, stored.progress)
        _fill(temporary, mlm, tokenizer)
        text = stored.request.model_dump_json(indent=1)
        (temporary / _REQUEST).write_text(text + "\n", encoding="utf-8")
        write_digests(temporary)


def read_last(folder: Path) -> Stored:
    """Read the request and the counters of a stored run.

    Raises:
        PetMtlError: there is none, or it is damaged.
    """
    recover_folder(folder)
    if not (folder / _REQUEST).is_file():
        raise PetMtlError(
            "there is no pre-training run to resume",
            where=str(folder),
            hint="leave `--resume` out",
        )
    file = folder / DIGESTS
    try:
        if file.is_file():  # older versions wrote none
            check_files(folder, json.loads(read_bounded(file)))
        file = folder / _REQUEST
        request = PretrainRequest.model_validate_json(read_bounded(file))
    except (ValidationError, ValueError, OSError, AttributeError, RecursionError) as error:
        hint = "train without `--resume`"
        raise PetMtlError("the file is damaged", where=str(file), hint=hint) from error
    return Stored(request, read_progress(folder))


def stored_request(out: Path) -> PretrainRequest:
    """Return the request of the run in a folder, which may not have saved a state yet, with paths
    from the working directory.

    Raises:
        PetMtlError: there is none, or it is damaged; a file of its corpus is missing.
    """
    recover_folder(out / "last")
    if (out / "last").is_dir() or (note := begun_run(out)) is None:
        return read_last(out / "last").request.from_here()
    try:
        request = PretrainRequest.model_validate_json(json.dumps(note["request"]))
    except (ValueError, KeyError) as error:
        raise PetMtlError(
            "the stored options are damaged",
            where=str(out / BEGUN),
            hint="train without `--resume`",
        ) from error
    return request.from_here()


def load_weights(folder: Path, mlm: Any) -> None:
    """Load the weights of a stored run.

    Raises:
        PetMtlError: they are missing, damaged or of another model.
    """
    load_into(mlm, folder / "model.safetensors", "train without `--resume`")


def differences(now: PretrainRequest, then: PretrainRequest) -> list[str]:
    """Return the options that make it another run; files may have moved, their content is compared
    elsewhere."""
    before = then.settings.model_dump()
    changed = [key for key, value in now.settings.model_dump().items() if value != before[key]]
    for key in ("teacher", "tokenizer"):
        if (getattr(now, key) is None) != (getattr(then, key) is None):
            changed.append(key)
    for key in ("masking", "text_key", "task_text", "from_layers"):
        if getattr(now, key) != getattr(then, key):
            changed.append(key)
    recipes = (now.recipe, then.recipe)
    shape, old = (one and one.model_dump(include={"model", "vocabulary"}) for one in recipes)
    return changed if shape == old else [*changed, "recipe"]


def _fill(folder: Path, mlm: Any, tokenizer: PieceTokenizer) -> None:
    with quiet_transformers():
        mlm.save_pretrained(folder)
    tokenizer.tokenizer.save_pretrained(folder)
    backend = getattr(tokenizer.tokenizer, "backend_tokenizer", None)
    if backend is not None and type(backend.model).__name__ == "WordPiece":
        backend.model.save(str(folder))  # vocab.txt, which tools other than transformers 5 look for
