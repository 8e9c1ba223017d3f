"""The parameters that loss terms have of their own, beside the state of a run: going on needs them,
scoring does not."""

from pathlib import Path

from torch import nn

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.tensors import read_tensors

_FILE = "terms.safetensors"


def write_term_weights(folder: Path, terms: nn.ModuleDict) -> None:
    """Write the parameters of all terms into the folder of a run's state; nothing without any."""
    from safetensors.torch import save_file

    weights = {name: value.detach().cpu().contiguous() for name, value in terms.named_parameters()}
    if weights:
        save_file(weights, folder / _FILE)


def read_term_weights(folder: Path, terms: nn.ModuleDict) -> None:
    """Load what `write_term_weights` wrote.

    Raises:
        PetMtlError: the file is missing, damaged, or of other terms.
    """
    if not any(True for _ in terms.parameters()):
        return
    weights = read_tensors(folder / _FILE, "train without `--resume`")
    try:
        terms.load_state_dict(weights)
    except RuntimeError as error:
        raise PetMtlError(
            "the loss terms' weights are of other terms",
            where=str(folder / _FILE),
            hint="train without `--resume`",
        ) from error
