from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData
from pet_mtl.distillation.folds import fold_rows
from pet_mtl.distillation.plan import cut_folds
from pet_mtl.errors import PetMtlError

TEXTS = [f"text {n}" for n in range(30)] + ["Text 3", "text 7"]
LABELS = np.array([n % 3 for n in range(30)] + [0, 1])
ROWS = Rows.of({"text": TEXTS}, labels=LABELS.tolist())
KEYS = row_keys(ROWS)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_texts_stay_together_and_labels_are_spread(folds: int) -> None:
    found = fold_rows(KEYS, ROWS, folds, 7, "toy")
    assert found[30] == found[3]
    assert found[31] == found[7]
    for label in range(3):
        counts = np.bincount(found[:30][LABELS[:30] == label], minlength=folds)
        assert counts.max() - counts.min() <= 1


def test_the_order_of_rows_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(len(KEYS))
    wanted = fold_rows(KEYS, ROWS, 3, 7, "toy")
    assert np.array_equal(fold_rows(KEYS[order], ROWS.take(order), 3, 7, "toy"), wanted[order])
    assert not np.array_equal(fold_rows(KEYS, ROWS, 3, 8, "toy"), wanted)


def test_too_many_folds() -> None:
    with pytest.raises(PetMtlError, match="30 different training texts, too few for 31 folds"):
        fold_rows(KEYS, ROWS, 31, 7, "toy")
    with pytest.raises(PetMtlError, match="without fold 1 all training rows have one label"):
        fold_rows(KEYS[:2], ROWS.take(np.arange(2)), 2, 7, "toy")


@pytest.mark.parametrize("targets", [[[1, 0], [1, 1]] * 3, [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]])
def test_rows_of_one_label_that_differ_in_their_targets(targets: list[object]) -> None:
    """Of sets the first label, and of numbers the tenth of their range, may be that of all."""
    rows = replace(
        Rows.of({"text": TEXTS[:6]}, labels=[0] * 6), targets=np.array(targets, np.float32)
    )
    data = {"toy": TaskData(rows, row_keys(rows))}
    suite = SimpleNamespace(tasks={"toy": None}, train=SimpleNamespace(seed=7))
    request = SimpleNamespace(folds=2, teacher=suite, student=suite)
    assert np.bincount(cut_folds(request, data)["toy"]).tolist() == [3, 3]  # type: ignore[arg-type]
    data["toy"].train.targets[:] = rows.targets[0]  # type: ignore[index]
    with pytest.raises(PetMtlError, match="without fold 1 all training rows have one label"):
        cut_folds(request, data)  # type: ignore[arg-type]
