"""Labels of a scale: classification, and how far off it is."""

import tracemalloc

import numpy as np
import pytest
from sklearn import metrics

from pet_mtl.kinds import build_kind
from pet_mtl.metrics.ordered import OrderedScore
from pet_mtl.suite.kind import KindSpec


def score(gold: list[int], decided: list[int], values: tuple[float, ...]) -> OrderedScore:
    labels = tuple(map(str, values))
    found = build_kind(KindSpec("ordered", labels, values=values)).score(
        np.array(gold), np.array(decided)
    )
    assert isinstance(found, OrderedScore)
    return found


@pytest.mark.parametrize("values", [(1.0, 2.0, 3.0, 4.0, 5.0), (0.0, 1.0, 5.0, 10.0, 40.0)])
def test_error_and_f1_are_those_of_scikit_learn(values: tuple[float, ...]) -> None:
    rng = np.random.default_rng(1)
    gold, decided = rng.integers(0, 5, 60), rng.integers(0, 5, 60)
    found = score(gold.tolist(), decided.tolist(), values)
    of_gold, of_decided = np.array(values)[gold], np.array(values)[decided]
    assert found.mae == pytest.approx(metrics.mean_absolute_error(of_gold, of_decided))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(gold, decided, average="macro"))
    assert found.value("mae") == pytest.approx(1 - found.mae / (values[-1] - values[0]))
    low, high = found.mae_ci95
    assert low < found.mae < high
    drawn = [np.abs(of_gold - of_decided)[rng.integers(0, 60, 60)].mean() for _ in range(1000)]
    assert (low, high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), rel=0.1)


def test_its_json_is_that_of_classification_and_the_error() -> None:
    found = score([0, 1, 2], [0, 2, 2], (1.0, 2.0, 3.0)).to_json()
    assert (found["mae"], found["accuracy"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert len(found["mae_ci95"]) == 2
    assert "span" not in found
    assert {"macro_f1", "macro_f1_ci95", "per_label", "confusion", "examples"} <= found.keys()


def test_many_labels_fill_no_table_of_resamples_and_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pet_mtl.metrics.classification._DRAWN", 1 << 18)
    rng = np.random.default_rng(0)
    gold, decided = rng.integers(0, 100, (2, 3000)).tolist()
    tracemalloc.start()
    score(gold, decided, tuple(map(float, range(100))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pairs = len(set(zip(gold, decided, strict=True)))
    assert peak < 8 * 1000 * pairs / 2  # bytes of one such table, half of them
