"""The weights that a run saved, put back into its model."""

from pathlib import Path
from typing import Any

import pytest
import torch
import toys
from safetensors.torch import load_file, save_file
from torch import Tensor

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.average import mean_weights
from pet_mtl.storage.pretrained import load_into

# families whose files have other names than their models
OTHER_NAMES = {
    "nomic_bert": ("masked", {}),
    "esm": ("masked", {"pad_token_id": 0, "mask_token_id": 4}),
    "qwen2_moe": (
        "causal",
        {
            "num_experts": 2,
            "num_experts_per_tok": 1,
            "moe_intermediate_size": 8,
            "shared_expert_intermediate_size": 8,
            "num_key_value_heads": 2,
        },
    ),
}


def tiny(family: str) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

    kind, more = OTHER_NAMES[family]
    config = AutoConfig.for_model(
        family,
        vocab_size=20,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
        **more,
    )
    build: Any = AutoModelForMaskedLM if kind == "masked" else AutoModelForCausalLM
    return build.from_config(config)


def zeroed(mlm: Any) -> Any:
    with torch.no_grad():
        for parameter in mlm.parameters():
            parameter.zero_()
    return mlm


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("family", OTHER_NAMES)
def test_names_that_are_others_in_files(family: str, tmp_path: Path) -> None:
    """What the files' authors call a weight is no reason to lose a trained model, or to leave the
    weights of another in its place."""
    models = [tiny(family), tiny(family)]
    for number, mlm in enumerate(models):
        mlm.save_pretrained(tmp_path / str(number))
    assert (
        not load_file(tmp_path / "0" / "model.safetensors").keys() <= models[0].state_dict().keys()
    )
    other = zeroed(tiny(family))
    load_into(other, tmp_path / "0" / "model.safetensors", "copy it")
    same(other.state_dict(), models[0].state_dict())
    mean = mean_weights([tmp_path / "0", tmp_path / "1"])["model.safetensors"]
    one, two = (mlm.state_dict() for mlm in models)
    same(mean, {name: (value + two[name]) / 2 for name, value in one.items()})


def test_weights_that_are_missing_or_of_another_shape_or_kind(tmp_path: Path) -> None:
    """A weight that the file lacks would stay that of the backbone, unsaid; tied ones are stored
    once."""
    mlm, other = toys.build_mlm("bert"), toys.build_mlm("bert")
    mlm.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    load_into(zeroed(other), file, "copy it")
    same(other.state_dict(), mlm.state_dict())
    weights = load_file(file)
    name = next(name for name in weights if "layer.1" in name)
    for wrong in (
        {key: value for key, value in weights.items() if key != name},
        weights | {name: torch.zeros(3)},
        weights | {name: weights[name].to(torch.int8)},
    ):
        save_file(wrong, file)
        with pytest.raises(PetMtlError, match="do not fit the model"):
            load_into(other, file, "copy it")
    other.config.num_hidden_layers += 1
    type(other)(other.config).save_pretrained(tmp_path)
    with pytest.raises(PetMtlError, match="do not fit the model"):
        load_into(mlm, file, "copy it")
