"""The parameters that a method adds to its backbone, in a file beside the backbone's."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.tensors import fit, read_tensors

OWN_FILE = "method.safetensors"


def own_weights(model: nn.Module, mlm: Any) -> dict[str, Tensor]:
    """Return what a model has and its masked language model has not; nothing for the cloze
    method."""
    backbone = {id(parameter) for parameter in mlm.parameters()}
    return {
        name: parameter.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        if id(parameter) not in backbone
    }


def load_own_weights(folder: Path, model: nn.Module, mlm: Any) -> None:
    """Load what `own_weights` gave.

    Raises:
        PetMtlError: the file is missing, damaged, or of a model with other options.
    """
    wanted = own_weights(model, mlm)
    if not wanted:
        return
    found = read_tensors(folder / OWN_FILE, what="the method's weights are missing or damaged")
    if not fit(found, wanted):
        raise PetMtlError("the saved weights do not fit the method", where=str(folder / OWN_FILE))
    model.load_state_dict(found, strict=False)
