import numpy as np
import pytest
from sklearn.metrics import f1_score

from pet_mtl.metrics.classification import confusion_matrix, macro_f1
from pet_mtl.metrics.gain import macro_f1_gain, sets_gain


def draw(seed: int, rows: int, labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    gold, before, after = generator.integers(0, labels, (3, rows))
    return (
        gold,
        np.where(generator.random(rows) < 0.3, gold, before),
        np.where(generator.random(rows) < 0.6, gold, after),
    )


@pytest.mark.parametrize(("rows", "labels"), [(1, 2), (5, 9), (300, 4)])
def test_macro_f1_is_scikit_learns(rows: int, labels: int) -> None:
    gold, predicted, _ = draw(0, rows, labels)
    expected = f1_score(gold, predicted, average="macro", zero_division=0)
    assert macro_f1(confusion_matrix(gold, predicted, labels)) == pytest.approx(expected)


def mean_f1(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Return what scikit-learn's `f1_score` does of sets `[N, K]`, in a hundredth of its time."""
    return float((2 * (gold & predicted).sum(0) / (gold.sum(0) + predicted.sum(0))).mean())


def test_the_gain_is_the_difference() -> None:
    gold, before, after = draw(1, 400, 5)
    gain, (low, high) = macro_f1_gain(gold, before, after, 5)
    score = {
        n: f1_score(gold, p, average="macro") for n, p in (("before", before), ("after", after))
    }
    assert gain == pytest.approx(score["after"] - score["before"])
    assert mean_f1(np.eye(5)[gold] > 0, np.eye(5)[after] > 0) == pytest.approx(score["after"])
    assert 0 < low < gain < high


def test_the_interval_is_that_of_rows_drawn_again() -> None:
    gold, before, after = draw(2, 80, 3)
    _, (low, high) = macro_f1_gain(gold, before, after, 3, resamples=2000)
    generator = np.random.default_rng(3)
    slow = []
    one_hot = [np.eye(3)[side] > 0 for side in (gold, before, after)]
    for _ in range(600):
        rows = generator.integers(0, len(gold), len(gold))
        is_gold, *sides = (side[rows] for side in one_hot)
        old, new = (mean_f1(is_gold, side) for side in sides)
        slow.append(new - old)
    np.testing.assert_allclose([low, high], np.quantile(slow, [0.025, 0.975]), atol=0.03)


def test_the_interval_of_many_labels_is_that_of_rows_drawn_again() -> None:
    gold, before, after = draw(5, 1500, 60)
    _, (low, high) = macro_f1_gain(gold, before, after, 60, resamples=2000)
    generator, slow = np.random.default_rng(6), []
    for _ in range(600):
        rows = generator.integers(0, len(gold), len(gold))
        new, old = (confusion_matrix(gold[rows], side[rows], 60) for side in (after, before))
        slow.append(macro_f1(new) - macro_f1(old))
    np.testing.assert_allclose([low, high], np.quantile(slow, [0.025, 0.975]), atol=0.005)


def test_nothing_changed_nothing_gained() -> None:
    gold, before, _ = draw(4, 50, 3)
    assert macro_f1_gain(gold, before, before, 3) == (0, (0, 0))


def test_the_gain_of_sets_is_that_of_rows_drawn_again() -> None:
    generator = np.random.default_rng(7)
    gold = generator.random((150, 4)) < 0.4
    before, after = (gold ^ (generator.random(gold.shape) < share) for share in (0.3, 0.1))
    slow = []
    for _ in range(600):
        rows = generator.integers(0, len(gold), len(gold))
        new, old = (mean_f1(gold[rows], side[rows]) for side in (after, before))
        slow.append(new - old)
    found = sets_gain(gold, before, after, resamples=2000)
    np.testing.assert_allclose(found, np.quantile(slow, [0.025, 0.975]), atol=0.015)
    assert sets_gain(gold, before, before) == (0, 0)


def test_some_resamples_at_a_time_are_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gold, before, after = draw(7, 1500, 60)
    whole = macro_f1_gain(gold, before, after, 60)
    monkeypatch.setattr("pet_mtl.metrics.classification._DRAWN", 3000)
    assert macro_f1_gain(gold, before, after, 60) == whole
