"""`compile: true`: the layers of a model as compiled graphs while training."""

import torch
from torch import nn

from pet_mtl.console import say
from pet_mtl.errors import PetMtlError
from pet_mtl.model.slot_encoder import BERT_LIKE, slot_encoders


def compile_layers(model: nn.Module) -> None:
    """Compile the layers of a model's encoders (`SlotEncoder.compile`).

    Raises:
        PetMtlError: no encoder of it is run by its slots; torch finds no compiler.
    """
    found = slot_encoders(model)
    if not found:
        raise PetMtlError(
            "the layers of this model cannot be compiled",
            where="compile",
            hint=f"leave it out, or take a model of the families {', '.join(sorted(BERT_LIKE))}",
        )
    device = next(model.parameters()).device
    try:  # a compiler is missed at the first step only, in many lines
        torch.compile(lambda ones: 2 * ones)(torch.ones(2, device=device))
    except Exception as error:
        raise PetMtlError(
            f"torch cannot compile here: {str(error).strip().splitlines()[0]}",
            where="compile",
            hint="leave `compile` out, or install what torch needs (on a CPU a C++ compiler)",
        ) from error
    if device.type == "cpu":
        say("warning: `compile` is for a GPU: on a CPU steps with it take several times as long")
    for encoder in found:
        encoder.compile()
