"""Models of the hub in a cache that is written here: the hub is never asked."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toys

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.backbone_digests import backbone_digests
from pet_mtl.storage.model_files import tokenizer_files, weight_files
from pet_mtl.storage.pretrained import _load_tokenizer, load_backbone, load_tokenizer
from pet_mtl.storage.tokenizer_growth import check_loaded_growth
from pet_mtl.suite.suite import Suite

NAME, COMMIT = "someone/some-model", "ab" * 20


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tokenizer = toys.word_piece_tokenizer()
    toys.build_mlm("bert", len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def snapshot(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of a model in the cache, which alone is asked."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    model = tmp_path / "hub" / f"models--{NAME.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    shutil.copytree(saved, model / "snapshots" / COMMIT)
    _load_tokenizer.cache_clear()  # it knows names of the hub, not what is behind them
    yield model / "snapshots" / COMMIT
    _load_tokenizer.cache_clear()


def change(file: Path, **values: Any) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | values), encoding="utf-8")


def names(files: Any) -> list[str]:
    return [file.name for file in files]


def test_a_cached_model_is_loaded(snapshot: Path) -> None:
    assert names(tokenizer_files(NAME, cached=True)) == ["tokenizer.json"]
    assert names(weight_files(NAME, cached=True)) == ["model.safetensors"]
    assert load_backbone(NAME).config.model_type == "bert"


def test_a_model_far_larger_than_its_weights_is_refused(snapshot: Path) -> None:
    change(snapshot / "config.json", vocab_size=1 << 20, num_hidden_layers=100)
    with pytest.raises(PetMtlError, match=r"describes a model of .* parameters") as caught:
        load_backbone(NAME)
    assert caught.value.problems[0].where == NAME


def test_shards_are_counted_and_must_be_safetensors(snapshot: Path) -> None:
    shard, index = snapshot / "model-1.safetensors", snapshot / "model.safetensors.index.json"
    (snapshot / "model.safetensors").rename(shard)
    index.write_text(
        json.dumps({"metadata": {}, "weight_map": {"a": shard.name}}), encoding="utf-8"
    )
    assert names(weight_files(NAME, cached=True)) == [shard.name]
    change(index, weight_map={"a": "model-1.bin"})
    with pytest.raises(PetMtlError, match=r"no `\.safetensors` files beside it"):
        load_backbone(NAME)


def test_tokenizers_for_certain_versions_are_looked_at(snapshot: Path) -> None:
    (snapshot / "tokenizer.json").rename(snapshot / "tokenizer.4.0.0.json")
    kept = ["tokenizer.4.0.0.json", "../config.json", 3, "tokenizer.9.json"]
    change(snapshot / "tokenizer_config.json", fast_tokenizer_files=kept)
    assert names(tokenizer_files(NAME, cached=True)) == ["tokenizer.4.0.0.json"]
    growing = {"type": "Prepend", "prepend": "a" * 10_001}
    change(snapshot / "tokenizer.4.0.0.json", normalizer=growing)
    with pytest.raises(PetMtlError, match="times as long"):
        load_tokenizer(NAME)


def test_what_has_no_weights_or_is_not_there_has_no_files(snapshot: Path) -> None:
    (snapshot / "model.safetensors").unlink()
    assert not weight_files(NAME, cached=True)
    assert not weight_files("someone/other-model", cached=True)
    assert not tokenizer_files("someone/other-model", cached=True)


def test_steps_that_no_file_shows_are_looked_at() -> None:
    from tokenizers.normalizers import Prepend, Sequence
    from tokenizers.pre_tokenizers import PreTokenizer

    tokenizer = toys.word_piece_tokenizer()
    check_loaded_growth(tokenizer, "here")
    tokenizer.backend_tokenizer.pre_tokenizer = PreTokenizer.custom(object())  # as RoFormer has it
    check_loaded_growth(tokenizer, "here")
    check_loaded_growth(object(), "here")  # one in Python
    tokenizer.backend_tokenizer.normalizer = Sequence([Prepend("a" * 101)] * 3)
    with pytest.raises(PetMtlError, match=r"here: `normalizer` .* times as long"):
        check_loaded_growth(tokenizer, "here")


def test_backbones_in_the_cache_have_digests(snapshot: Path) -> None:
    suite = Suite.model_construct(model=NAME, source="toy.yaml")
    before = backbone_digests({NAME: suite})
    assert list(before) == [NAME]
    assert backbone_digests({"x": suite.model_copy(update={"model": "someone/other-model"})}) == {}
    weights = snapshot / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert backbone_digests({NAME: suite}) != before
