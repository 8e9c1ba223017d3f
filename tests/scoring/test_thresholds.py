"""Thresholds of sets that are fitted on rows which they do not decide."""

from dataclasses import replace

import numpy as np
from toys import make_task

from pet_mtl.data.rows import Rows
from pet_mtl.kinds import kind_of
from pet_mtl.kinds.multi_label import fit_thresholds
from pet_mtl.scoring.thresholds import cross_fitted
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
