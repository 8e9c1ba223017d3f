import statistics
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import f1_score

from pet_mtl.comparison.statistics import Difference, Spread, paired_difference
from pet_mtl.kinds import build_kind
from pet_mtl.metrics import multi_label, similarity
from pet_mtl.suite.kind import KindSpec

Labels = npt.NDArray[np.int64]
By = dict[str, Any]  # task to its rows' targets or decisions
LABELS = build_kind(KindSpec(labels=tuple("abcdef")))
SETS = build_kind(KindSpec("multi_label", tuple("abc"), no=True))
NUMBERS = build_kind(KindSpec("similarity", ("low", "high")))


def macro(gold: Labels, predicted: Labels) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(f1_score(gold, predicted, average="macro"))


def guesses(gold: Labels, right: float, seeds: int, labels: int, start: int) -> list[Labels]:
    """Predictions that are right with a probability, and otherwise anything."""
    draws = [np.random.default_rng(start + seed) for seed in range(seeds)]
    return [
        np.where(d.random(len(gold)) < right, gold, d.integers(0, labels, len(gold))) for d in draws
    ]


@pytest.mark.parametrize("values", [(0.5, 0.7, 0.9), (0.1, 0.4), (0.2, 0.2, 0.2, 0.8)])
def test_spread_is_that_of_the_standard_library(values: tuple[float, ...]) -> None:
    spread = Spread(values)
    assert spread.mean == pytest.approx(statistics.mean(values))
    assert spread.median == pytest.approx(statistics.median(values))
    assert spread.sd == pytest.approx(statistics.stdev(values))


def test_one_seed_has_no_sd() -> None:
    assert Spread((0.5,)).to_json() == {"mean": 0.5, "sd": None, "median": 0.5, "values": [0.5]}


def test_against_the_slow_formula() -> None:
    """Two tasks, seeds of different numbers; resampled row by row with scikit-learn, by the same
    draws."""
    generator = np.random.default_rng(0)
    gold = {"a": generator.integers(0, 3, 30), "b": generator.integers(0, 5, 17)}
    first = {"a": guesses(gold["a"], 0.3, 2, 3, 1), "b": guesses(gold["b"], 0.3, 2, 5, 2)}
    other = {
        "a": guesses(gold["a"], 0.6, 3, 3, 3),
        "b": guesses(gold["b"], 0.6, 3, 6, 4),
    }  # a label gold has not

    kinds = dict.fromkeys(gold, LABELS)
    found = paired_difference(kinds, gold, first, other, resamples=50, seed=9)
    assert_difference(found, dict.fromkeys(gold, macro), gold, first, other)


def assert_difference(
    found: Difference,
    figures: dict[str, Callable[[Any, Any], float]],
    gold: By,
    first: By,
    other: By,
) -> None:
    """Assert that 50 resamples by seed 9 give the difference that the slow formula gives, drawn row
    by row."""

    def difference(rows: dict[str, Labels]) -> float:
        sides = [
            np.mean(
                [np.mean([figures[t](gold[t][rows[t]], p[rows[t]]) for p in side[t]]) for t in gold]
            )
            for side in (other, first)
        ]
        return float(sides[0] - sides[1])

    assert found.mean == pytest.approx(
        difference({t: np.arange(len(targets)) for t, targets in gold.items()}), abs=1e-12, rel=0
    )
    generator = np.random.default_rng(9)
    draws = {}
    for task, targets in gold.items():
        counts = generator.multinomial(len(targets), np.full(len(targets), 1 / len(targets)), 50)
        draws[task] = [np.repeat(np.arange(len(targets)), of_draw) for of_draw in counts]
    slow = [difference({task: of_task[k] for task, of_task in draws.items()}) for k in range(50)]
    assert [found.low, found.high] == pytest.approx(
        np.quantile(slow, [0.025, 0.975]).tolist(), abs=1e-12, rel=0
    )


def test_sets_and_numbers_against_the_slow_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_CHUNK", 100)  # some resamples at a time
    generator = np.random.default_rng(4)
    gold = {"sets": generator.random((30, 3)) < 0.3, "numbers": generator.random(17)}

    def guessed(noise: float, seeds: int) -> By:
        return {
            "sets": [gold["sets"] ^ (generator.random((30, 3)) < noise) for _ in range(seeds)],
            "numbers": [gold["numbers"] + generator.normal(0, noise, 17) for _ in range(seeds)],
        }

    first, other = guessed(0.6, 2), guessed(0.2, 3)
    first["numbers"][0] = np.full(17, 0.5)  # a correlation of 0
    kinds, figures = {"sets": SETS, "numbers": NUMBERS}, {"sets": macro, "numbers": pearson}
    found = paired_difference(kinds, gold, first, other, resamples=50, seed=9)
    assert_difference(found, figures, gold, first, other)


def pearson(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    return 0.0 if one.std() == 0 or other.std() == 0 else float(np.corrcoef(one, other)[0, 1])


@pytest.mark.parametrize("name", ["classification", "multi_label"])
def test_memory_is_not_that_of_rows_times_labels(
    name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multi_label, "_CELLS", 1 << 16)
    rows, labels = 4000, 1000
    kind = build_kind(KindSpec(name, tuple(map(str, range(labels))), no=name == "multi_label"))
    gold = np.random.default_rng(0).integers(0, labels, rows)
    if name == "multi_label":
        gold = np.eye(labels, dtype=bool)[gold]
    counts = np.ones((2, rows), np.int64)
    tracemalloc.start()
    found = kind.counted(gold, [gold, gold], counts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * rows * labels  # bytes; a table of floats takes 4
    assert found.tolist() == [kind.score(gold, gold, resamples=1).value("macro_f1")] * 2


def test_same_predictions_differ_by_nothing() -> None:
    gold = {"a": np.array([0, 1, 1, 2])}
    same = {"a": [np.array([0, 1, 2, 2]), np.array([1, 1, 1, 2])]}
    found = paired_difference({"a": LABELS}, gold, same, same)
    assert (found.mean, found.low, found.high, found.clear) == (0.0, 0.0, 0.0, False)


def test_pairing_narrows_the_interval_and_order_turns_the_sign() -> None:
    gold = {"a": np.random.default_rng(1).integers(0, 4, 300)}
    weak = {"a": guesses(gold["a"], 0.3, 2, 4, 5)}
    strong = {"a": guesses(gold["a"], 0.8, 2, 4, 7)}
    up = paired_difference({"a": LABELS}, gold, weak, strong)
    down = paired_difference({"a": LABELS}, gold, strong, weak)
    assert up.clear
    assert up.low > 0
    assert down.mean == pytest.approx(-up.mean)
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))
