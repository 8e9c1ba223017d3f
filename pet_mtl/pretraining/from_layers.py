"""A shallower model that starts from chosen layers of another one (DistilBERT, Sanh et al. 2019;
"Poor Man's BERT", Sajjad et al. 2020)."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from pet_mtl.errors import PetMtlError
from pet_mtl.model.slot_encoder import fits_slot_encoder


def keep_layers(mlm: Any, layers: Sequence[int]) -> None:
    """Leave a model only these layers, in place; embeddings and head stay.

    Args:
        layers: numbers from 0, rising.

    Raises:
        PetMtlError: a layer does not exist; the family does not let layers be taken.
    """
    depth = mlm.config.num_hidden_layers
    where = "model.from_layers"
    if not fits_slot_encoder(mlm):
        raise PetMtlError(
            f"layers cannot be taken from the family `{mlm.config.model_type}`",
            where=where,
            hint="choose a BERT, RoBERTa, ERNIE or ELECTRA model",
        )
    absent = [layer for layer in layers if not 0 <= layer < depth]
    if absent:
        raise PetMtlError(
            f"there is no layer {absent[0]}: the model has the layers 0 to {depth - 1}", where=where
        )
    encoder = mlm.base_model.encoder
    encoder.layer = nn.ModuleList(encoder.layer[layer] for layer in layers)
    mlm.config.num_hidden_layers = len(layers)
