"""Weights that a run needs to go on and a checkpoint does not: loss terms' own parameters, averages
in the making."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from pet_mtl.errors import PetMtlError

TERMS = "terms.safetensors"
AVERAGE = "average.safetensors"


def write_run_weights(folder: Path, file: str, weights: Mapping[str, Tensor]) -> None:
    """Write weights into the folder of a run's state; no file without any."""
    from safetensors.torch import save_file

    if weights:
        kept = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
        save_file(kept, folder / file)


def read_run_weights(folder: Path, file: str, weights: Mapping[str, Tensor]) -> None:
    """Copy what `write_run_weights` wrote into tensors of the same names.

    Raises:
        PetMtlError: the file is missing, damaged, or of other weights.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not weights:
        return
    try:
        found = load_file(folder / file)
        if {name: v.shape for name, v in found.items()} != {n: v.shape for n, v in weights.items()}:
            raise ValueError(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise PetMtlError(
            "the weights that this run goes on with are missing or damaged",
            where=str(folder / file),
            hint="train without `--resume`",
        ) from error
    for name, value in weights.items():
        value.detach().copy_(found[name])
