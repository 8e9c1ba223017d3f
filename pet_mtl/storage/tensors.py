"""Tensors out of safetensors files, which anyone may have written."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from pet_mtl.errors import PetMtlError

# beside SafetensorError: number formats that numpy or torch lack, shapes that the bytes do not fill
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)

COPY = "copy it again from where it is whole"
_OTHER = "the training that wrote it diverged, or it is damaged: use another one, or copy it again"


def read_tensors(
    file: Path, hint: str = COPY, what: str = "the file is missing or damaged"
) -> dict[str, Tensor]:
    """Return the tensors of a file; `what` is said where it is damaged.

    Raises:
        PetMtlError: it is missing or damaged, or holds what is no number (see `check_finite`).
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = dict(load_file(file))
    except (*_DAMAGE, SafetensorError) as error:
        raise PetMtlError(what, where=str(file), hint=hint) from error
    check_finite(found.items(), file)
    return found


def fit(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    """Return whether tensors have the names, shapes and kinds of others: copying whole, complex or
    truth values into floating-point numbers would make other weights of them without a word."""

    def like(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
        return {name: (value.shape, value.is_floating_point()) for name, value in tensors.items()}

    return like(found) == like(wanted)


def check_finite(tensors: Iterable[tuple[str, Tensor]], file: Path) -> None:
    """Refuse weights that are NaN or infinite: all scores would be, and no table would say why.

    Args:
        tensors: with their names.
        file: said where one is refused; of a folder, its file that holds the tensor.

    Raises:
        PetMtlError: one is not finite.
    """
    for name, value in tensors:
        if not _is_finite(value):
            raise PetMtlError(
                f"the weights `{name}` are not all finite numbers (NaN or infinity)",
                where=str(_file_of(file, name)),
                hint=_OTHER,
            )


def own_memory(model: nn.Module) -> None:
    """Copy a model's tensors out of the files that they are mapped from.

    What overwrites a mapped file in place changes the weights, or ends the process (SIGBUS).
    """
    for value in (*model.parameters(), *model.buffers()):
        value.data = value.data.clone()


def _is_finite(value: Tensor) -> bool:
    if not value.is_floating_point():
        return True
    wide = value.float() if value.element_size() < 4 else value
    # a sum is twenty times as fast; finite numbers may still overflow in it
    return bool(wide.sum().isfinite()) or bool(wide.isfinite().all())


def _file_of(place: Path, name: str) -> Path:
    """Return the file of a model's folder that holds a tensor, as far as its index tells."""
    if not place.is_dir():
        return place
    try:
        index = json.loads((place / "model.safetensors.index.json").read_text(encoding="utf-8"))
        return place / str(index["weight_map"][name])
    except (OSError, ValueError, KeyError, TypeError):  # one file, or a name that transformers gave
        whole = place / "model.safetensors"
        return whole if whole.is_file() else place


def read_arrays(file: Path, hint: str = COPY) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a file as numpy's arrays.

    Raises:
        PetMtlError: it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(file))
    except (*_DAMAGE, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PetMtlError(f"cannot be read: {reason}", where=str(file), hint=hint) from error


def read_metadata(file: Path) -> dict[str, str]:
    """Return the texts that stand beside the tensors of a file that can be read."""
    from safetensors import safe_open

    with safe_open(file, framework="np") as opened:
        return dict(opened.metadata() or {})


def is_sorted(keys: npt.NDArray[Any]) -> bool:
    """Say whether these are ascending 64-bit keys, as `row_keys` gives them."""
    return keys.dtype == np.uint64 and keys.ndim == 1 and bool((keys[1:] > keys[:-1]).all())
