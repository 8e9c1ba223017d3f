"""Weights that a run needs to go on and a checkpoint does not: loss terms' own parameters, averages
in the making."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.tensors import fit, read_tensors

TERMS = "terms.safetensors"
AVERAGE = "average.safetensors"
RETRAIN = "train without `--resume`"


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
    if not weights:
        return
    what, hint = "the weights that this run goes on with are missing or damaged", RETRAIN
    found = read_tensors(folder / file, hint, what)
    if not fit(found, weights):
        raise PetMtlError(what, where=str(folder / file), hint=hint)
    for name, value in weights.items():
        value.detach().copy_(found[name])
