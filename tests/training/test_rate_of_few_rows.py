"""The learning rate that a backbone recommends for few rows."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pet_mtl.storage.outputs import stored_suite
from pet_mtl.suite.suite import Suite
from pet_mtl.training.run import train


def test_a_backbones_own_rate_for_few_rows(
    make_suite: Callable[..., Suite], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, out = tmp_path / "model", tmp_path / "run"
    shutil.copytree(make_suite().model, folder)
    own = {"learning_rate": 4e-4, "batch_tokens": 64, "epochs": 1, "few_rows_learning_rate": 3e-5}
    (folder / "pretraining.json").write_text(json.dumps({"recommended": own}), encoding="utf-8")
    suite = make_suite(max_steps=1, learning_rate="auto").model_copy(update={"model": str(folder)})
    with caplog.at_level("INFO", "pet_mtl"):
        train(suite, out)
    (said,) = (line for line in caplog.messages if line.startswith("train.learning_rate: 3e-05"))
    assert said.count("for fewer than 2,000 rows") == 1
    stored = stored_suite(out)
    assert stored.train.learning_rate == 3e-5
    for again in (suite, stored):  # what is said of it is not said twice
        assert train(again, out, resume=True).steps == 1
    assert stored_suite(out).chosen == stored.chosen
    given = make_suite(max_steps=1).model_copy(update={"model": str(folder)})
    train(given, tmp_path / "given")
    assert stored_suite(tmp_path / "given").train == given.train  # a number that is given wins
