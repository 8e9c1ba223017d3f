"""The files that transformers takes a model from: those of a folder, or for a hub name those in the
cache of the hub's models. Nothing is fetched that loading the model would not fetch anyway."""

import json
from collections.abc import Sequence
from pathlib import Path

from pet_mtl.storage.checked_json import read_bounded
from pet_mtl.storage.folder_checks import check_index

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_TOKENIZER, _VERSIONS = "tokenizer.json", "fast_tokenizer_files"


def tokenizer_files(folder: str, cached: bool) -> list[Path]:
    """Return the files that transformers may take a tokenizer from: `tokenizer.json`, or one of
    those for certain versions of it.

    Args:
        folder: a folder or a hub name.
        cached: a hub name is read from the cache only.
    """
    if Path(folder).is_dir():
        return sorted(Path(folder).glob("tokenizer.*json"))
    settings = _fetched(folder, "tokenizer_config.json", cached)
    names = dict.fromkeys((_TOKENIZER, _of_this_version(settings)))
    return [file for name in names if (file := _fetched(folder, name, cached))]


def _of_this_version(settings: Path | None) -> str:
    """Return the file that `fast_tokenizer_files` has for the version of transformers."""
    from transformers.tokenization_utils_base import get_fast_tokenizer_file

    try:
        names = json.loads(read_bounded(settings)).get(_VERSIONS) or () if settings else ()
        wanted = [name for name in names if isinstance(name, str) and Path(name).name == name]
        return get_fast_tokenizer_file(wanted) if wanted else _TOKENIZER
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):  # said when loaded
        return _TOKENIZER


def weight_files(folder: str, cached: bool) -> Sequence[Path]:
    """Return the `.safetensors` files that transformers takes the weights from; none where it has
    to look for others, or cannot have them, which is said when it is loaded.

    Args:
        folder: a folder or a hub name.
        cached: a hub name is read from the cache only.

    Raises:
        PetMtlError: an index of weights is damaged, or names other files.
    """
    if Path(folder).is_dir():
        return list(Path(folder).glob("*.safetensors"))
    if whole := _fetched(folder, _WEIGHTS, cached):
        return [whole]
    if not (index := _fetched(folder, _INDEX, cached)):
        return []
    check_index(index)
    names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    return [file for name in names if (file := _fetched(folder, name, cached))]


def cached_folder(name: str) -> Path | None:
    """Return the folder in the cache that holds the last known state of a model of the hub; None
    where there is none. The hub is not asked."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, "config.json")
    return Path(found).parent if isinstance(found, str) else None


def _fetched(name: str, file: str, cached: bool) -> Path | None:
    """Return a file of a model of the hub, None where it has none or cannot be had."""
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(name, file, local_files_only=cached)
    except OSError:  # said when the model is loaded
        return None
    return Path(found) if found else None
