"""The mean of pre-trained models is a model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM

from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.average import average_models
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.run import pretrain

MakeRequest = Callable[..., PretrainRequest]


@pytest.fixture
def models(make_request: MakeRequest, tmp_path: Path) -> list[Path]:
    """Two models that went on from the same one, in fp16."""
    for seed in (1, 2):
        pretrain(
            make_request(max_steps=3, seed=seed, weights="fp16", learning_rate=1e-2),
            tmp_path / str(seed),
        )
    return [tmp_path / str(seed) / "model" for seed in (1, 2)]


def test_the_mean(make_request: MakeRequest, models: list[Path], tmp_path: Path) -> None:
    average_models(models, tmp_path / "mean")
    one, other, mean = (
        load_file(folder / "model.safetensors") for folder in (*models, tmp_path / "mean")
    )
    assert {value.dtype for value in mean.values()} == {torch.float16}
    for name, value in mean.items():
        wanted = (one[name].float() + other[name].float()) / 2
        torch.testing.assert_close(value.float(), wanted, rtol=1e-3, atol=1e-6, msg=name)
    assert any(not torch.equal(one[name], mean[name]) for name in mean)
    facts = json.loads((tmp_path / "mean" / "pretraining.json").read_text())
    assert [made["settings"]["seed"] for made in facts["mean_of"]] == [1, 2]
    measured = pretrain(
        make_request(model=str(tmp_path / "mean"), max_steps=0), tmp_path / "measured"
    )
    assert measured.held_out is not None


def test_models_in_several_files(toy_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(toy_model, tmp_path / "cut"))
    (folder / "model.safetensors").unlink()
    toy = AutoModelForMaskedLM.from_pretrained(toy_model, dtype=torch.float16)
    toy.save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    average_models([folder, folder], tmp_path / "mean")
    mean = load_file(tmp_path / "mean" / "model.safetensors")
    for name, value in load_file(toy_model / "model.safetensors").items():
        assert torch.equal(mean[name], value.half()), name


def test_what_has_no_mean_is_refused(models: list[Path], toy_model: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(toy_model, tmp_path / "other"))
    tokenizer = json.loads((other / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["甲甲"] = tokenizer["model"]["vocab"].pop("[unused1]")
    (other / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    cut, bare, odd = (
        Path(shutil.copytree(models[1], tmp_path / name)) for name in ("cut", "bare", "odd")
    )
    (cut / "model.safetensors").write_bytes((models[1] / "model.safetensors").read_bytes()[:5000])
    (bare / "model.safetensors").unlink()
    (odd / "pretraining.json").write_text("{", encoding="utf-8")
    deep = Path(shutil.copytree(models[1], tmp_path / "deep"))
    (deep / "pretraining.json").write_text("[" * 100_000, encoding="utf-8")
    for folders, words in (
        ([models[0], cut], "cut: the weights are damaged or cut short"),
        ([models[0], bare], "bare: .*no file named model.safetensors"),
        ([models[0], odd], "odd/pretraining.json: is damaged"),
        ([models[0], deep], "deep/pretraining.json: is damaged"),
        (models[:1], "at least two"),
        ([*models, tmp_path / "none"], "none: there is no such folder"),
        ([models[0], other], "other: has another vocabulary"),
        ([models[0], tmp_path], "config.json"),
    ):
        with pytest.raises(PetMtlError, match=words):
            average_models(folders, tmp_path / "mean")
        assert not (tmp_path / "mean").exists()
