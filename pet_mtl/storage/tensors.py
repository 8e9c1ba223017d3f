"""Tensors out of safetensors files, which anyone may have written."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from pet_mtl.errors import PetMtlError

# beside SafetensorError: number formats that numpy or torch lack, shapes that the bytes do not fill
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)

COPY = "copy it again from where it is whole"


def read_tensors(
    file: Path, hint: str = COPY, what: str = "the file is missing or damaged"
) -> dict[str, Tensor]:
    """Return the tensors of a file; `what` is said where it is damaged.

    Raises:
        PetMtlError: it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file))
    except (*_DAMAGE, SafetensorError) as error:
        raise PetMtlError(what, where=str(file), hint=hint) from error


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


def load_into(mlm: Any, file: Path, hint: str) -> None:
    """Load all weights of a masked language model from a file that `save_pretrained` wrote.

    Raises:
        PetMtlError: the file is missing, damaged, lacks weights, or is of another model.
    """
    weights = read_tensors(file, hint)
    try:
        unknown = mlm.load_state_dict(weights, strict=False).unexpected_keys
    except RuntimeError:  # other shapes
        unknown = ["shapes"]
    state = mlm.state_dict()
    loaded = {state[name].data_ptr() for name in weights if name in state}
    # tied weights are stored once
    missing = [name for name, value in state.items() if value.data_ptr() not in loaded]
    if unknown or missing:
        raise PetMtlError("the saved weights do not fit the model", where=str(file), hint=hint)


def is_sorted(keys: npt.NDArray[Any]) -> bool:
    """Say whether these are ascending 64-bit keys, as `row_keys` gives them."""
    return keys.dtype == np.uint64 and keys.ndim == 1 and bool((keys[1:] > keys[:-1]).all())
