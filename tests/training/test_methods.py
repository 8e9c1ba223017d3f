"""Every method through the same data, loop, checkpoint and scoring."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_runs import assert_same_state, state_of, weights_in

import pet_mtl
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.score import score_checkpoints
from pet_mtl.spec.suite import Suite, load_suite
from pet_mtl.training import loop
from pet_mtl.training.interrupt import Interrupted
from pet_mtl.training.own_weights import OWN_FILE
from pet_mtl.training.run import train

METHODS = {
    "heads": ("heads", None, []),
    "heads-lstm": ("heads", None, ["method.features={layers: [1, -1]}", "method.decoder=lstm", "method.width=8"]),
    "soft": ("heads", "soft", []),
    "shared-private": ("heads", "shared-private", ["method.features=pooled", "method.decoder=mlp"]),
    "mmoe": ("heads", "mmoe", ["method.features=attention"]),
    "ple": ("heads", "ple", ["method.features=max", "method.levels=2"]),
    "cln": ("cln", None, ["method.size=8"]),
}
SETTINGS = ["train.max_steps=8", "train.evaluate_every=4", "train.dropout=0.2"]


@pytest.fixture
def make(suite_file: Path) -> Callable[[str], Suite]:
    def suite_of(kind: str) -> Suite:
        method, sharing, more = METHODS[kind]
        return load_suite(suite_file, method=method, sharing=sharing, overrides=[*SETTINGS, *more])

    return suite_of


@pytest.mark.parametrize("kind", METHODS)
def test_training_scoring_and_prediction_agree(make: Callable[[str], Suite], tmp_path: Path, kind: str) -> None:
    suite, out = make(kind), tmp_path / "run"
    result = train(suite, out)
    (scored,) = score_checkpoints([out / "checkpoint"])
    assert scored.tasks == result.scores
    assert (scored.method, scored.parameters) == (suite.method.name, result.parameters)
    manifest = json.loads((out / "checkpoint" / "pet_mtl.json").read_text(encoding="utf-8"))
    assert OWN_FILE in manifest["sha256"]
    assert weights_in(out / "checkpoint")  # an ordinary masked language model
    model = pet_mtl.load(out / "checkpoint")
    (prediction,) = model.predict([{"one": "山庚", "two": "水辛"}])
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert "<h3>As the model sees it</h3>" in (out / "report.html").read_text(encoding="utf-8")
