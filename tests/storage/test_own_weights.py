from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.own_weights import OWN_FILE, load_own_weights, own_weights


class Toy(nn.Module):
    """A backbone of one layer and a part of the method's own."""

    def __init__(self) -> None:
        super().__init__()
        self.mlm = nn.Linear(3, 2)
        self.own = nn.Linear(2, 2, bias=False)


def test_only_what_the_backbone_has_not(tmp_path: Path) -> None:
    model, other = Toy(), Toy()
    own = own_weights(model, model.mlm)
    assert list(own) == ["own.weight"]
    save_file(own, tmp_path / OWN_FILE)
    before = other.mlm.weight.clone()
    load_own_weights(tmp_path, other, other.mlm)
    assert torch.equal(other.own.weight, model.own.weight)
    assert torch.equal(other.mlm.weight, before)


def test_a_model_without_own_parts_needs_no_file(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    assert own_weights(model, model) == {}
    load_own_weights(tmp_path, model, model)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (None, "missing or damaged"),
        (b"no tensors", "missing or damaged"),
        ({}, "do not fit"),
        ({"own.weight": torch.zeros(3, 2)}, "do not fit"),
        ({"own.weight": torch.zeros(2, 2), "own.bias": torch.zeros(2)}, "do not fit"),
        ({"own.weight": torch.zeros(2, 2, dtype=torch.int8)}, "do not fit"),
    ],
)
def test_wrong_files(
    tmp_path: Path, tensors: dict[str, torch.Tensor] | bytes | None, message: str
) -> None:
    model, file = Toy(), tmp_path / OWN_FILE
    if isinstance(tensors, bytes):
        file.write_bytes(tensors)
    elif tensors is not None:
        save_file(tensors, file)
        assert load_file(file).keys() == tensors.keys()
    with pytest.raises(PetMtlError, match=message) as caught:
        load_own_weights(tmp_path, model, model.mlm)
    assert str(file) in str(caught.value)
