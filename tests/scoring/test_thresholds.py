"""Thresholds of sets that are fitted on rows which they do not decide."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy_kinds
from toys import make_task, write_bert

from pet_mtl.data.rows import Rows
from pet_mtl.data.streams import RowStream
from pet_mtl.kinds import kind_of
from pet_mtl.kinds.multi_label import fit_thresholds
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.scoring.prediction_files import predict_blocks
from pet_mtl.scoring.predictor import Predictor
from pet_mtl.scoring.thresholds import (
    cross_fitted,
    fitted_where_missing,
    with_fitted_thresholds,
    without_thresholds,
)
from pet_mtl.storage.checkpoint import write_checkpoint
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.task import DataSpec, TaskSpec

WORDS = {"x": ["好"], "y": ["坏"], "z": ["新"]}
TASK = TaskSpec.model_validate(
    {
        **make_task("{mask}{text}", WORDS).model_dump(),
        "kind": "multi_label",
        "no": ["无"],
        "threshold": "dev",
        "data": DataSpec(train=("t.tsv",), dev=("d.tsv",)),
    }
)


def rows_of(texts: list[str], targets: np.ndarray) -> Rows:
    return replace(Rows.of({"text": texts}, labels=[0] * len(texts)), targets=targets)


def drawn(rows: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    return (draw.random((rows, 3)) < 0.4).astype(np.float32), draw.normal(size=(rows, 3)).astype(
        np.float32
    )


def test_a_row_is_decided_by_thresholds_of_other_rows() -> None:
    targets, odds = drawn(40)
    texts = [f"t{number}" for number in range(40)]
    rows = rows_of(texts, targets)
    found = cross_fitted(TASK, rows, odds)
    stored = TASK.model_copy(update={"thresholds": (0.9, 0.1, 0.5)})
    np.testing.assert_array_equal(cross_fitted(stored, rows, odds), found)
    p = kind_of(TASK).probabilities(odds)
    flattering = fit_thresholds(targets, p, np.full(3, 0.5))
    assert (found != (p >= flattering)).any()
    for row in range(40):
        changed = targets.copy()
        changed[row] = 1 - changed[row]
        again = cross_fitted(TASK, rows_of(texts, changed), odds)
        np.testing.assert_array_equal(again[row], found[row])


def test_a_text_stands_in_one_fifth() -> None:
    targets, odds = drawn(1)
    rows = rows_of(["t"] * 8, targets.repeat(8, 0))
    found = cross_fitted(TASK, rows, odds.repeat(8, 0))
    np.testing.assert_array_equal(found, (odds >= 0).repeat(8, 0))  # nothing to fit on: 0.5


def suite_of(**tasks: TaskSpec) -> Suite:
    return Suite(
        name="toy",
        model="none",
        tasks={name: task.model_copy(update={"name": name}) for name, task in tasks.items()},
        train=TrainSettings(),
        sampling=SamplingSettings(),
        source="toy.yaml",
        base="/",
    )


def thresholds_of(suite: Suite) -> dict[str, tuple[float, ...] | None]:
    return {name: task.thresholds for name, task in suite.tasks.items()}


def test_those_of_an_earlier_evaluation_decide_nothing() -> None:
    """Of thresholds with one F1 the nearest to the usual one is taken, not to the last one."""
    p = np.repeat(np.array([[0.99], [0.95], [0.9], [0.8]]), 3, 1)
    rows = rows_of(list("abcd"), np.repeat([[1.0], [0.0], [0.0], [1.0]], 3, 1))
    for before in (None, (0.97, 0.5, 0.9)):
        suite = suite_of(toy=TASK.model_copy(update={"thresholds": before}))
        found = with_fitted_thresholds(suite, {"toy": rows}, {"toy": np.log(p / (1 - p))})
        assert thresholds_of(found)["toy"] == pytest.approx((0.4, 0.4, 0.4))


def test_a_run_begins_without_fitted_ones_and_scoring_keeps_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "pet_mtl")
    stored, own = (0.9, 0.1, 0.5), {"threshold": 0.3, "thresholds": (0.3, 0.3, 0.3)}
    suite = suite_of(
        fitted=TASK.model_copy(update={"thresholds": stored}),
        missing=TASK,
        given=TASK.model_copy(update=own),
    )
    begun = without_thresholds(suite)
    assert thresholds_of(begun) == {"fitted": None, "missing": None, "given": own["thresholds"]}
    targets, odds = drawn(30)
    rows = dict.fromkeys(suite.tasks, rows_of([f"t{number}" for number in range(30)], targets))
    scored = thresholds_of(fitted_where_missing(suite, rows, dict.fromkeys(rows, odds)))
    fitted = fit_thresholds(targets, kind_of(TASK).probabilities(odds), np.full(3, 0.5))
    assert scored["missing"] == pytest.approx(fitted)
    assert (scored["fitted"], scored["given"]) == (stored, own["thresholds"])
    assert caplog.text.count("its thresholds are fitted on the scored rows") == 1


def test_doors_that_fit_no_thresholds_say_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pet_mtl")
    backbone, words = tmp_path / "backbone", tmp_path / "other.txt"
    write_bert(backbone, sorted(set("红蓝绿同无关悲伤喜相反文甲乙丙丁。：？，!")))
    patterns = toy_kinds.write_kinds(tmp_path, backbone)
    told = "warning: shares: no thresholds were fitted for its label words"
    suite = load_suite(patterns)
    shares = suite.tasks["shares"]
    for thresholds in (None, (0.2, 0.3, 0.4)):
        task = shares.model_copy(update={"thresholds": thresholds})
        loaded = LoadedModel(suite.model, suite.model_copy(update={"tasks": {"shares": task}}))
        caplog.clear()
        Predictor(loaded)
        assert (told in caplog.text) == (thresholds is None)

    folder = tmp_path / "checkpoint"
    write_checkpoint(folder, loaded.mlm, loaded.tokenizer, loaded.suite, {}, {})
    rows = {"shares": RowStream.of(Rows.of({"text": ["甲"]}))}
    words.write_text("r 甲\nb 乙\ng 丙\n", encoding="utf-8")
    caplog.clear()
    (found,) = predict_blocks(folder, lambda _: rows, verbalizers={"shares": words})
    assert found["shares"].task.thresholds is None
    assert told in caplog.text
