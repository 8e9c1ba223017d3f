"""A checkpoint of two tasks with a calibration, and weights far from their first values."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import toy_suite
import toys
from one_thread import one_thread  # noqa: F401
from run_fixtures import toy_backbone  # noqa: F401

from pet_mtl.model.calibration import Calibration
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.storage.checkpoint import add_calibration, write_checkpoint
from pet_mtl.storage.own_weights import own_weights
from pet_mtl.suite.suite import load_suite

CHARACTERS = list("一条新闻体育天气科技文化这是好的真不坏类：。？，")
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return what writes a checkpoint; `overrides` are settings of its suite."""

    def write(*overrides: str, tokenizer: Any = None, family: str = "bert") -> Path:
        backbone, out = tmp_path / "backbone", tmp_path / "checkpoint"
        toys.write_bert(backbone, CHARACTERS, initializer_range=0.3)
        if tokenizer is not None or family != "bert":
            size = len(CHARACTERS) + 5 if tokenizer is None else len(tokenizer)
            toys.build_mlm(family, size).save_pretrained(backbone)
        if tokenizer is not None:
            for file in backbone.glob("*token*"):
                file.unlink()
            tokenizer.save_pretrained(backbone)
        toy_suite.write_suite(tmp_path, backbone)
        suite = load_suite(tmp_path / "toy.yaml", overrides=overrides)
        model = LoadedModel(suite.model, suite)
        own = own_weights(model.model, model.mlm)
        write_checkpoint(out, model.mlm, model.tokenizer, suite, {}, own)
        biases: Sequence[tuple[str, tuple[float, ...]]] = [
            ("topic", (0.7, -0.4, 0.1)),
            ("pair", (0.2, -0.9)),
        ]
        fitted = {
            name: Calibration(kind="prior", bias=bias, rows=5)
            for name, bias in biases
            if name in suite.tasks
        }
        add_calibration(out, fitted, {})
        return out

    return write
