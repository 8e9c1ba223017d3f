import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics

from pet_mtl.metrics.classification import (
    TaskScore,
    bootstrap_macro_f1,
    confusion_matrix,
    resampled_parts,
    score_predictions,
)
from pet_mtl.metrics.score import mean_macro_f1

LABELS = ["100", "101", "102", "103", "104"]


def macro_f1(gold: np.ndarray, predicted: np.ndarray) -> float:
    return float(metrics.f1_score(gold, predicted, average="macro", zero_division=0))


def noisy_rows(rows: int, size: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, size, rows)
    return gold, np.where(rng.random(rows) < 0.6, gold, rng.integers(0, size, rows))


PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(PAIRS)
@settings(max_examples=60)
def test_equals_scikit_learn_exactly(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs).T
    score = score_predictions(gold, predicted, LABELS, resamples=5)
    assert score.macro_f1 == macro_f1(gold, predicted)
    assert score.accuracy == metrics.accuracy_score(gold, predicted)
    assert score.confusion == metrics.confusion_matrix(gold, predicted, labels=range(5)).tolist()
    assert score.examples == len(pairs)


def test_per_label_scores_equal_scikit_learn() -> None:
    gold, predicted = noisy_rows(400, 5)
    score = score_predictions(gold, predicted, LABELS)
    report = metrics.classification_report(gold, predicted, target_names=LABELS, output_dict=True)
    for label in LABELS:
        each = score.per_label[label]
        assert [each.precision, each.recall, each.f1, each.support] == list(report[label].values())


def test_labels_absent_from_gold_and_predictions_do_not_count() -> None:
    gold, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    score = score_predictions(gold, predicted, LABELS)
    assert score.macro_f1 == 1.0
    assert score.per_label["104"].support == 0
    assert list(score.per_label) == LABELS


def test_label_only_predicted_counts_as_zero() -> None:
    score = score_predictions(np.array([0, 0]), np.array([0, 2]), LABELS)
    assert score.macro_f1 == pytest.approx((2 / 3 + 0) / 2)
    assert score.shown()[1] == ("accuracy", "0.500", "1 row right")


@pytest.mark.parametrize("rows", [1, 7, 250])
def test_each_resample_equals_scikit_learn_on_its_rows(rows: int) -> None:
    gold, predicted = noisy_rows(rows, 5, seed=rows)
    confusion = confusion_matrix(gold, predicted, 5)
    fast = bootstrap_macro_f1(confusion, resamples=40, seed=3)
    cell_gold, cell_predicted = np.nonzero(confusion)
    (counts,) = resampled_parts(confusion[cell_gold, cell_predicted], resamples=40, seed=3)
    for value, count in zip(fast, counts, strict=True):
        assert count.sum() == rows
        assert value == pytest.approx(
            macro_f1(np.repeat(cell_gold, count), np.repeat(cell_predicted, count)), abs=1e-12
        )


def test_interval_equals_that_of_resampled_rows() -> None:
    gold, predicted = noisy_rows(200, 5)
    rng = np.random.default_rng(1)
    draws = [rng.integers(0, 200, 200) for _ in range(3000)]
    slow = [plain_macro_f1(gold[draw], predicted[draw]) for draw in draws]
    fast = score_predictions(gold, predicted, LABELS, resamples=3000, seed=2).macro_f1_ci95
    assert fast == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.01)


def plain_macro_f1(gold: np.ndarray, predicted: np.ndarray) -> float:
    """The obvious formula, because 3,000 calls of scikit-learn are slow."""
    labels = set(gold) | set(predicted)
    parts = [
        2 * np.sum((gold == k) & (predicted == k)) / (np.sum(gold == k) + np.sum(predicted == k))
        for k in labels
    ]
    return float(np.mean(parts))


@pytest.mark.parametrize("alike", [1, 40])
def test_both_ways_to_draw_rows_have_their_means_and_deviations(alike: int) -> None:
    """Few rows a cell are drawn as rows, many as counts."""
    rows = np.arange(1, 1201) % 3 + alike
    (drawn,) = resampled_parts(rows, resamples=2000, seed=4)
    assert (drawn.sum(1) == rows.sum()).all()
    shares = rows / rows.sum()
    deviations = np.sqrt(rows.sum() * shares * (1 - shares))
    np.testing.assert_allclose((drawn.mean(0) - rows) / deviations, 0, atol=5 / np.sqrt(2000))
    np.testing.assert_allclose(drawn.std(0) / deviations, 1, atol=0.12)
    neighbours = np.mean([np.corrcoef(drawn[:, k], drawn[:, k + 1])[0, 1] for k in range(400)])
    assert neighbours == pytest.approx(0, abs=0.01)


def test_interval_holds_the_score_and_depends_on_the_seed_only() -> None:
    gold, predicted = noisy_rows(300, 5)
    first, second = (score_predictions(gold, predicted, LABELS, seed=7) for _ in range(2))
    low, high = first.macro_f1_ci95
    assert low < first.macro_f1 < high
    assert first == second
    assert first.macro_f1_ci95 != score_predictions(gold, predicted, LABELS, seed=8).macro_f1_ci95


@pytest.mark.parametrize("rows", [1, 10, 400])
def test_rows_all_right_or_all_wrong_are_no_certainty(rows: int) -> None:
    gold = np.arange(rows) % 2
    right, wrong = (score_predictions(gold, one, LABELS) for one in (gold, 1 - gold))
    exact = binomtest(rows, rows).proportion_ci(method="exact")
    assert right.macro_f1_ci95 == pytest.approx((exact.low, 1))
    assert wrong.macro_f1_ci95 == pytest.approx((0, 1 - exact.low))


def test_json_is_plain() -> None:
    gold, predicted = noisy_rows(50, 3)
    written = json.loads(json.dumps(score_predictions(gold, predicted, ["a", "b", "c"]).to_json()))
    assert list(written) == [
        "accuracy",
        "macro_f1",
        "macro_f1_ci95",
        "examples",
        "per_label",
        "confusion",
    ]
    assert list(written["per_label"]["a"]) == ["precision", "recall", "f1", "support"]
    assert len(written["macro_f1_ci95"]) == 2
    assert sum(map(sum, written["confusion"])) == 50


def test_json_holds_the_matrix_itself() -> None:
    """A copy of that of 4,000 labels takes ten seconds."""
    score = score_predictions(*noisy_rows(50, 3), ["a", "b", "c"])
    assert score.to_json()["confusion"] is score.confusion


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.uint16])
def test_narrow_index_types_do_not_overflow(kind: type) -> None:
    labels = [str(k) for k in range(100)]
    gold = np.arange(100).astype(kind)
    assert score_predictions(gold, gold, labels).macro_f1 == 1.0


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([], [], "Found `gold.shape = (0,)`"),
        ([0, 1], [0], "Found `gold.shape = (2,)` and `predicted.shape = (1,)`"),
        ([[0]], [[0]], "(1, 1)"),
        ([-1, 0], [0, 0], "Parameter `gold` should hold indices from 0 to 4. Found -1 … 0"),
        ([0, 1], [0, 5], ("Parameter `predicted` should hold indices from 0 to 4. Found 0 … 5")),
    ],
)
def test_wrong_input_is_refused(gold: list[int], predicted: list[int], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the message is checked below, as plain text)
        score_predictions(np.array(gold, dtype=int), np.array(predicted, dtype=int), LABELS)
    assert message in str(error.value)


def test_mean_macro_f1() -> None:
    scores = [TaskScore(0.0, value, (0.0, 1.0), 1, {}, []) for value in (0.5, 0.7)]
    assert mean_macro_f1(scores) == pytest.approx(0.6)
    with pytest.raises(ValueError, match="at least one"):
        mean_macro_f1([])


def test_import_stays_light() -> None:
    code = "import sys, pet_mtl.metrics.classification, pet_mtl.report.page, pet_mtl.report.table\n"
    code += (
        "print([name for name in ('sklearn', 'torch', 'rich', 'jinja2') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def one_hot_macro_f1(counts: np.ndarray, gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The obvious formula, cells times labels."""
    every = np.arange(max(gold.max(), predicted.max()) + 1)
    of_gold, of_predicted = ((side[:, None] == every).astype(float) for side in (gold, predicted))
    total, hits = counts @ (of_gold + of_predicted), counts @ (of_gold * of_predicted)
    f1 = np.divide(2 * hits, total, out=np.zeros_like(total), where=total > 0)
    macro: np.ndarray = f1.sum(1) / (total > 0).sum(1)
    return macro


@pytest.mark.parametrize(("rows", "labels"), [(1, 1), (3, 9), (300, 5), (3000, 200)])
@pytest.mark.parametrize("drawn", [1 << 22, 10])
def test_sums_by_label_are_those_of_one_hot_products(
    rows: int, labels: int, drawn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, some resamples at a time or all."""
    confusion = confusion_matrix(*noisy_rows(rows, labels, seed=rows), labels)
    cells = np.nonzero(confusion)
    (counts,) = resampled_parts(confusion[cells], resamples=50, seed=3)
    monkeypatch.setattr("pet_mtl.metrics.classification._DRAWN", drawn)
    found = bootstrap_macro_f1(confusion, resamples=50, seed=3)
    padded = one_hot_macro_f1(
        np.hstack([counts, np.zeros((50, 1))]), *(np.append(side, labels - 1) for side in cells)
    )
    assert found.tolist() == padded.tolist()


def test_drawing_many_labels_holds_no_table_of_cells_and_labels() -> None:
    confusion = confusion_matrix(*noisy_rows(8000, 2000), 2000)
    tracemalloc.start()
    bootstrap_macro_f1(confusion, resamples=20, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * np.count_nonzero(confusion) * 2000 / 4  # bytes of one such table, a fourth
