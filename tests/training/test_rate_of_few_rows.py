"""The learning rate that a backbone recommends for few rows."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.comparison.plan import read_variants
from pet_mtl.comparison.run import Request as CompareRequest
from pet_mtl.comparison.run import compare
from pet_mtl.distillation.plan import Request as DistilRequest
from pet_mtl.distillation.run import distil
from pet_mtl.storage.outputs import stored_suite
from pet_mtl.suite import auto
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training.run import train
from pet_mtl.training.steps import TrainingSteps


@pytest.fixture
def folder(make_suite: Callable[..., Suite], tmp_path: Path) -> Path:
    """A backbone that recommends 3e-5 for few rows, 4e-4 else."""
    shutil.copytree(make_suite().model, tmp_path / "model")
    own = {"learning_rate": 4e-4, "batch_tokens": 64, "epochs": 1, "few_rows_learning_rate": 3e-5}
    record = tmp_path / "model" / "pretraining.json"
    record.write_text(json.dumps({"recommended": own}), encoding="utf-8")
    return tmp_path / "model"


@pytest.mark.parametrize("limit", [1, 50, 100_000])
def test_runs_that_are_compared_have_one_rate(
    make_suite: Callable[..., Suite],
    folder: Path,
    suite_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
) -> None:
    """Each of the three tasks has fewer than 50 rows, together they have more."""
    monkeypatch.setattr(auto, "FEW_ROWS", limit)
    rates, real = set(), TrainingSteps.__init__

    def noted(
        self: Any, model: Any, prompts: Any, schedule: Any, settings: Any, *more: Any
    ) -> None:
        rates.add(settings.learning_rate)
        real(self, model, prompts, schedule, settings, *more)

    monkeypatch.setattr(TrainingSteps, "__init__", noted)
    settings = ["train.max_steps=1", "train.learning_rate=auto", f"model={folder}"]

    def load(method: str, options: Sequence[str]) -> Suite:
        return load_suite(suite_file, overrides=[*settings, *options], method=method)

    compare(CompareRequest(read_variants("pet", load), ["all"], 1, True), tmp_path / "compared")
    assert rates == {3e-5 if limit > 100 else 4e-4}
    suite = load("pet", [])
    distil(DistilRequest(suite, suite), tmp_path / "distilled")  # teachers of one task each
    assert rates == {3e-5 if limit > 100 else 4e-4}


@pytest.mark.parametrize(
    ("rows", "rate", "most"),
    [(99, 2e-5, 100), (100, 1e-4, 5000), (4999, 1e-4, 5000), (5000, 2e-4, None)],
)
def test_the_fewer_rows_the_lower_the_rate_of_zh_small(
    rows: int, rate: float, most: int | None
) -> None:
    own, _ = auto.recommend("zh-small")
    assert own.rate_for(rows) == (rate, most)
    plain = own.model_copy(update={"very_few_rows_learning_rate": None})
    assert plain.rate_for(rows)[0] == (1e-4 if rows < 5000 else 2e-4)
    small = auto.by_size(21e6)
    assert small.rate_for(rows) == ((2e-5, 100) if rows < 100 else (1e-4, None))
    for mini in (auto.recommend("zh-mini")[0], auto.by_size(2.4e6)):
        assert mini.rate_for(rows) == ((1e-4, 100) if rows < 100 else (4e-4, None))
    assert auto.by_size(85e6).rate_for(rows) == (3e-5, None)


def test_a_model_that_recommends_nothing_has_a_rate_for_few_rows_by_its_size(
    make_suite: Callable[..., Suite], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A checkpoint, for example, that new rows are learned on."""
    only = {"max_steps": 1, "learning_rate": "auto"}
    train(make_suite(max_steps=1), tmp_path / "first")
    suite = make_suite(**only).model_copy(update={"model": str(tmp_path / "first" / "checkpoint")})
    one = suite.model_copy(update={"tasks": {"colour": suite.tasks["colour"]}})
    with caplog.at_level("INFO", "pet_mtl"):
        train(one, tmp_path / "again")
    assert stored_suite(tmp_path / "again").train.learning_rate == 1e-4
    (said,) = (line for line in caplog.messages if line.startswith("train.learning_rate: 0.0001"))
    assert said.endswith("million in its layers, for fewer than 100 rows)")


def test_a_backbones_own_rate_for_few_rows(
    make_suite: Callable[..., Suite], folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "run"
    suite = make_suite(max_steps=1, learning_rate="auto").model_copy(update={"model": str(folder)})
    with caplog.at_level("INFO", "pet_mtl"):
        train(suite, out)
    (said,) = (line for line in caplog.messages if line.startswith("train.learning_rate: 3e-05"))
    assert said.count("for fewer than 5,000 rows") == 1
    stored = stored_suite(out)
    assert stored.train.learning_rate == 3e-5
    for again in (suite, stored):  # what is said of it is not said twice
        assert train(again, out, resume=True).steps == 1
    assert stored_suite(out).chosen == stored.chosen
    given = make_suite(max_steps=1).model_copy(update={"model": str(folder)})
    train(given, tmp_path / "given")
    assert stored_suite(tmp_path / "given").train == given.train  # a number that is given wins
