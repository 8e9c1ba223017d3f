import copy

import pytest
import torch
import toys
from test_mlm_head import WHOLE, build, inputs

from pet_mtl.errors import PetMtlError
from pet_mtl.model.encoder import Encoder
from pet_mtl.model.padding import read_by_length


@pytest.mark.parametrize("family", [*toys.FAMILIES, *WHOLE])
@torch.no_grad()
def test_states_are_those_of_transformers(family: str) -> None:
    mlm = build(family)
    ids, mask, _ = inputs(mlm.config.pad_token_id)
    encoder = Encoder(mlm, "eager").eval()

    def read(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = mlm.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
        return states

    # ConvBERT's convolutions know no mask: its rows are read by length
    wanted = read_by_length(read, ids, mask) if family == "convbert" else read(ids, mask)
    real = mask != 0
    torch.testing.assert_close(encoder(ids, mask)[real], wanted[real], rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(
        encoder(ids, mask, first_only=True), wanted[:, :1], rtol=1e-5, atol=2e-5
    )
    assert wanted.shape[-1] == encoder.size


@pytest.mark.parametrize("family", list(toys.FAMILIES))
@torch.no_grad()
def test_layers(family: str) -> None:
    mlm = build(family)
    ids, mask, _ = inputs(mlm.config.pad_token_id)
    encoder = Encoder(mlm, "eager").eval()
    layers = encoder.layers(ids, mask)
    assert len(layers) == encoder.depth + 1 == 3
    assert all(layer.shape == (*ids.shape, 32) for layer in layers)


@torch.no_grad()
def test_a_family_without_layers_is_refused() -> None:
    mlm = build("bart")
    ids, mask, _ = inputs(mlm.config.pad_token_id)
    with pytest.raises(PetMtlError, match="does not show its layers"):
        Encoder(mlm, "eager").layers(ids, mask)


def test_a_copy_is_an_encoder_of_its_own() -> None:
    encoder = Encoder(toys.build_mlm("bert"), "eager")
    other = copy.deepcopy(encoder)
    ids, mask, _ = inputs(0)
    before = encoder(ids, mask)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert torch.equal(encoder(ids, mask), before)
    assert not other(ids, mask).any()
