from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.recipe import build_mlm, load_recipe
from pet_mtl.pretraining.settings import start_from
from pet_mtl.resources import resource_root

GOOD = """\
version: 1
model: {hidden_size: 32, layers: 2, heads: 4, positions: 64}
vocabulary: {size: 100}
train: {epochs: 2, max_length: 32}
"""


def test_the_shipped_recipe() -> None:
    recipe = load_recipe(resource_root() / "configs" / "zh-mini.yaml")
    assert recipe.model.layers <= 6
    assert recipe.train.weights == "fp16"


def test_overrides_belong_to_train_where_they_name_no_section(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    recipe = load_recipe(
        tmp_path / "a.yaml",
        ["epochs=5", "train.seed=3", "model.layers=4", "vocabulary.size=50", "schedule=cosine"],
    )
    assert (recipe.train.epochs, recipe.train.seed, recipe.train.schedule) == (5, 3, "cosine")
    assert (recipe.model.layers, recipe.vocabulary.size) == (4, 50)


@pytest.mark.parametrize(
    ("line", "new", "where", "words"),
    [
        ("version: 1", "version: 2", ":1", "`version` must be 1"),
        ("layers: 2", "layer: 2", ":2", "unknown key `layer`"),
        ("layers: 2", "layers: 0", ":2", "at least 1"),
        ("heads: 4", "heads: 5", ":2", "cannot be shared by 5 heads"),
        ("size: 100", "size: many", ":3", "must be a whole number"),
        ("epochs: 2", "epochs: -2", ":4", "must be above 0"),
        ("epochs: 2", "schedule: steep", ":4", "`linear` or `cosine`"),
        ("max_length: 32", "max_length: 128", ":4", "`model.positions` is 64"),
        # rows of 30 tokens would be padded to 32
        ("positions: 64", "positions: 30", ":4", "set it to at most 28"),
        ("max_length: 32", "max_minutes: 5, warmup: 20", ":4", "must be a share"),
        ("vocabulary", "words", ":3", "unknown key `words`"),
        ("model: {", "shape: {", ":1", "`model` is missing"),
    ],
)
def test_wrong_recipes(tmp_path: Path, line: str, new: str, where: str, words: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(GOOD.replace(line, new), encoding="utf-8")
    with pytest.raises(PetMtlError) as caught:
        load_recipe(file)
    assert f"{file}{where}" in str(caught.value)
    assert words in str(caught.value)


def test_all_problems_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        GOOD.replace("layers: 2", "layers: x").replace("size: 100", "size: 1"), encoding="utf-8"
    )
    with pytest.raises(PetMtlError) as caught:
        load_recipe(file, ["epochs=0", "sede=1"])
    assert len(caught.value.problems) == 4
    assert "-s epochs=0" in str(caught.value)
    assert "did you mean `seed`" in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["epohcs=3"], "did you mean `epochs`"),
        (["epochs"], "not of the form"),
        (["learning_rate=2"], "at most 1"),
        (["model.layers=2"], "no recipe to change"),
        (["max_minutes=5", "warmup=20"], "must be a share"),
        (["masking_rate=1"], "below 1"),
    ],
)
def test_wrong_settings(overrides: list[str], words: str) -> None:
    with pytest.raises(PetMtlError) as caught:
        start_from(overrides)
    assert words in str(caught.value)
    assert "train." not in str(caught.value).split("hint")[0].partition(":")[0]


def test_the_shape_and_the_seed() -> None:
    import torch

    shape = load_recipe(
        resource_root() / "configs" / "zh-mini.yaml", ["model.hidden_size=32"]
    ).model
    one, two, three = (
        build_mlm(shape, 50, 0, seed=seed, attention="eager", dropout=None) for seed in (1, 1, 2)
    )
    assert one.config.intermediate_size == 1024
    assert one.config.hidden_dropout_prob == 0.0
    assert one.get_input_embeddings().weight.shape == (50, 32)
    weights = [model.bert.encoder.layer[0].output.dense.weight for model in (one, two, three)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
