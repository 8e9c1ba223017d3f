"""`auto` in `train:`: the folder's own record, else its size; a given number wins."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.resources import bundled_backbone, bundled_pattern_file
from pet_mtl.suite.auto import Recommended, by_size, layer_parameters, recommend
from pet_mtl.suite.suite import Suite, load_suite

PATTERNS = """\
version: 1
model: {model}
tasks:
  a:
    patterns: "{{mask}}{{text}}"
    verbalizer: {{0: 坏, 1: 好}}
    columns: {{text: 0, label: 1}}
    data: {{train: a.tsv}}
train: {{{train}}}
"""
ALL = "epochs: auto, learning_rate: auto, batch_tokens: auto"


def load(folder: Path, name: str, train: str = ALL, **more: Any) -> Suite:
    file = folder / "p.yaml"
    file.write_text(PATTERNS.format(model=name, train=train), encoding="utf-8")
    return load_suite(file, **more)


def settings(suite: Suite) -> tuple[float, float, int]:
    return suite.train.epochs, suite.train.learning_rate, suite.train.batch_tokens


def write_model(folder: Path, rows: int, width: int, record: Any = None) -> None:
    """Write weights of `width² + width` numbers beside the vocabulary; only their header is true."""
    folder.mkdir()
    size = {"embeddings": [rows, width], "layer.weight": [width, width], "layer.bias": [width]}
    header, at = {}, 0
    for name, shape in size.items():
        length = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + length]}
        at += length
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)  # a sparse file
    (folder / "config.json").write_text(json.dumps({"vocab_size": rows}), encoding="utf-8")
    if record is not None:
        text = record if isinstance(record, str) else json.dumps(record)
        (folder / "pretraining.json").write_text(text, encoding="utf-8")


def test_the_embedded_backbones_recommend(tmp_path: Path) -> None:
    mini, small = (load(tmp_path, name) for name in ("zh-mini", "zh-small"))
    assert settings(mini) == (2, 4e-4, 4096)
    assert settings(small) == (3, 2e-4, 8192)
    assert set(mini.chosen) == {"epochs", "learning_rate", "batch_tokens"}
    assert set(mini.chosen.values()) == {"recommended by `zh-mini`"}


def test_a_given_number_wins(tmp_path: Path) -> None:
    suite = load(tmp_path, "zh-mini", "epochs: 5, learning_rate: auto")
    assert settings(suite) == (5, 4e-4, 4096)
    assert list(suite.chosen) == ["learning_rate"]
    suite = load(tmp_path, "zh-mini", overrides=["train.learning_rate=1e-3", "train.epochs=auto"])
    assert settings(suite) == (2, 1e-3, 4096)
    assert load(tmp_path, "zh-mini", "learning_rate: 1e-3").chosen == {}


def test_a_rate_that_is_not_given(tmp_path: Path) -> None:
    """It is the backbone's, as with `auto`, whose 3e-5 no small model learns from; epochs and
    tokens of a step depend on the rows and have plain defaults."""
    for train in ("seed: 1", ""):
        suite = load(tmp_path, "zh-mini", train)
        assert settings(suite) == (3, 4e-4, 4096)
        assert suite.chosen == {"learning_rate": "recommended by `zh-mini`"}
    text = PATTERNS.format(model="zh-mini", train="").replace("{}", "")
    (tmp_path / "none.yaml").write_text(text, encoding="utf-8")
    assert settings(load_suite(tmp_path / "none.yaml")) == (3, 4e-4, 4096)
    text = text.replace("train:\n", "")
    (tmp_path / "none.yaml").write_text(text, encoding="utf-8")
    assert settings(load_suite(tmp_path / "none.yaml")) == (3, 4e-4, 4096)


def test_the_model_of_an_option_counts(tmp_path: Path) -> None:
    assert settings(load(tmp_path, "zh-mini", model="zh-small")) == (3, 2e-4, 8192)


@pytest.mark.parametrize(
    ("width", "rate"), [(1000, 4e-4), (5000, 1e-4), (9000, 3e-5), (15000, 1e-5)]
)
def test_by_size(tmp_path: Path, width: int, rate: float) -> None:
    """A folder is found from the pattern file; the rows of the vocabulary do not count."""
    write_model(tmp_path / "m", 30_000, width)
    assert layer_parameters(tmp_path / "m") == width * width + width
    suite = load(tmp_path, "m")
    assert suite.train.learning_rate == rate
    assert "by the size of `m`" in suite.chosen["learning_rate"]


def test_what_does_not_tell_its_size_is_taken_for_bert(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for model in ("hfl/chinese-roberta-wwm-ext", "empty"):
        suite = load(tmp_path, model)
        assert settings(suite) == (3, 3e-5, 4096)
        assert "does not tell its own" in suite.chosen["epochs"]
    write_model(tmp_path / "cut", 10, 4)
    (tmp_path / "cut" / "model.safetensors").write_bytes(b"\xff" * 20)
    assert layer_parameters(tmp_path / "cut") is None


def test_a_folder_recommends(tmp_path: Path) -> None:
    own = {"learning_rate": 1e-4, "batch_tokens": 512, "epochs": 1.5, "later": "key"}
    write_model(tmp_path / "m", 10, 4, {"recommended": own, "steps": 3})
    assert settings(load(tmp_path, "m")) == (1.5, 1e-4, 512)
    write_model(tmp_path / "none", 10, 4, {"steps": 3})
    assert recommend("none", tmp_path)[0] == by_size(20)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("{", "is damaged"),
        ({"recommended": 3}, "`recommended` is not a setting"),
        (
            {"recommended": {"learning_rate": 7, "batch_tokens": 1, "epochs": 1}},
            "`recommended.learning_rate` is not a setting that can be used: `7`",
        ),
        ({"recommended": {"learning_rate": "x", "batch_tokens": 1, "epochs": 1}}, "learning_rate"),
        ({"recommended": {"learning_rate": 1e-4, "epochs": 1}}, "batch_tokens"),
    ],
)
def test_a_damaged_record(tmp_path: Path, record: Any, words: str) -> None:
    write_model(tmp_path / "m", 10, 4, record)
    with pytest.raises(PetMtlError) as caught:
        load(tmp_path, "m", ALL + ", seed: x")
    assert words in str(caught.value)
    assert "pretraining.json" in str(caught.value)
    assert "`train.seed`" in str(caught.value)  # all problems at once
    asks = load(tmp_path, "m", "learning_rate: 2e-5")
    assert settings(asks) == (3, 2e-5, 4096)  # nobody asked


def test_other_words_are_no_numbers(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match='must be a number, found `"automatic"`'):
        load(tmp_path, "zh-mini", "learning_rate: automatic")


def test_the_shipped_pattern_files_keep_their_numbers() -> None:
    assert settings(load_suite(bundled_pattern_file("default"), model="zh-mini")) == (5, 4e-4, 2048)
    assert settings(load_suite(bundled_pattern_file("tianchi"), model="zh-mini")) == (2, 4e-4, 4096)


def test_a_stored_suite_has_the_numbers(tmp_path: Path) -> None:
    suite = load(tmp_path, "zh-mini")
    assert Suite.model_validate_json(suite.model_dump_json()) == suite
    old = suite.model_dump(mode="json")
    del old["chosen"]  # checkpoints of before
    assert Suite.model_validate(old).train == suite.train


def test_the_embedded_sizes() -> None:
    sizes = []
    for name in ("zh-mini", "zh-small"):
        folder = bundled_backbone(name)
        assert folder is not None
        sizes.append(layer_parameters(folder))
    assert sizes[0] == pytest.approx(2.6e6, rel=0.05)
    assert sizes[1] == pytest.approx(21.6e6, rel=0.05)
    assert Recommended(learning_rate=1e-4, batch_tokens=1, epochs=1).epochs == 1
