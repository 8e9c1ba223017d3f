"""Numbers between two ends: against the formula of the paper and scipy's correlations."""

import numpy as np
import pytest
import torch
from scipy import stats

from pet_mtl.comparison.dev_result import DevResult
from pet_mtl.kinds import ValuePrediction, build_kind
from pet_mtl.metrics.similarity import resampled_pearson, score_similarity
from pet_mtl.suite.kind import KindSpec

KIND = build_kind(KindSpec("similarity", ("low", "high"), range=(1.0, 5.0)))


def random_scores(rows: int) -> torch.Tensor:
    return torch.randn(rows, 2, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_the_cross_entropy_to_the_place_between_the_ends(smoothing: float) -> None:
    scores = random_scores(5)
    targets = torch.tensor([1.0, 5.0, 2.0, float("nan"), 4.5])
    place = (targets - 1) / 4 * (1 - smoothing) + smoothing / 2
    p = scores.softmax(-1)
    expected = -((1 - place) * p[:, 0].log() + place * p[:, 1].log())
    expected[3] = 0
    losses = KIND.losses(scores, targets, smoothing)
    torch.testing.assert_close(losses, expected)
    assert losses.isfinite().all()


def test_the_ends_are_the_labels() -> None:
    scores = random_scores(2)
    as_labels = torch.nn.functional.cross_entropy(scores, torch.tensor([0, 1]), reduction="none")
    torch.testing.assert_close(KIND.losses(scores, torch.tensor([1.0, 5.0])), as_labels)


def test_a_row_without_a_target_has_no_gradient() -> None:
    scores = random_scores(2).requires_grad_()
    KIND.loss(scores, torch.tensor([float("nan"), 3.0])).backward()
    assert scores.grad is not None
    assert scores.grad[0].tolist() == [0, 0]
    assert scores.grad.isfinite().all()


def test_the_prediction_lies_where_the_high_end_is_likely() -> None:
    log_probs = np.log(np.array([[0.75, 0.25], [0.0001, 0.9999]], np.float32))
    np.testing.assert_allclose(KIND.decide(log_probs), [2.0, 4.9996], atol=1e-4)
    assert KIND.right(np.array([2.3, 4.0]), KIND.decide(log_probs)).tolist() == [True, False]
    (first, _) = KIND.predictions(log_probs)
    assert isinstance(first, ValuePrediction)
    assert (first.value, first.label) == (pytest.approx(2.0), "2")
    assert first.probabilities == pytest.approx({"low": 0.75, "high": 0.25})
    assert next(KIND.cells(log_probs)) == {"value": pytest.approx(2.0)}


def test_numbers_are_written_without_exponents() -> None:
    numbers = np.array([2.0, 0.86541, 9999.4, -9999.6, 12345.6, 500000])
    written = ["2", "0.8654", "9999", "-10000", "12346", "500000"]
    assert KIND.written(numbers) == written


@pytest.mark.parametrize("ties", [False, True])
def test_scores_are_those_of_scipy(ties: bool) -> None:
    rng = np.random.default_rng(4)
    gold = rng.random(80) * 5
    predicted = gold + rng.normal(size=80)
    if ties:
        gold, predicted = gold.round(), predicted.round()
    score = score_similarity(gold, predicted)
    assert score.pearson == pytest.approx(stats.pearsonr(gold, predicted).statistic)
    assert score.spearman == pytest.approx(stats.spearmanr(gold, predicted).statistic)
    assert score.mae == pytest.approx(np.abs(gold - predicted).mean())
    assert score.rmse == pytest.approx(np.sqrt(((gold - predicted) ** 2).mean()))
    low, high = score.pearson_ci95
    assert low < score.pearson < high
    assert [score.value(name) for name in ("pearson", "spearman")] == [
        score.pearson,
        score.spearman,
    ]


def test_a_gain_is_that_of_the_second_over_the_first() -> None:
    rng = np.random.default_rng(5)
    gold = rng.random(80) * 4 + 1
    far, near = (gold + rng.normal(0, spread, 80) for spread in (2.0, 0.5))
    low, high = KIND.gain(gold, far, near)
    assert 0.1 < low < score_similarity(gold, near).pearson - score_similarity(gold, far).pearson
    assert KIND.gain(gold, near, far) == pytest.approx((-high, -low))


def test_equal_predictions_correlate_with_nothing() -> None:
    score = score_similarity(np.array([1.0, 2, 3]), np.full(3, 0.3))
    assert (score.pearson, score.spearman) == (0, 0)
    assert (score_similarity(np.ones(1), np.ones(1)).pearson_ci95) == (0, 0)


@pytest.mark.parametrize("value", [0.1, 12345.678, 1e9 / 7])
def test_what_rounding_leaves_of_equal_numbers_is_no_correlation(value: float) -> None:
    for rows in (3, 7, 11, 100):
        score = score_similarity(np.full(rows, value), np.full(rows, value * 1.1))
        assert (score.pearson, score.spearman, score.pearson_ci95) == (0, 0, (0, 0))
        low = np.arange(rows) / value * 1e-12
        assert score_similarity(low, low * 2).pearson == pytest.approx(1)


def test_no_correlation_passes_one() -> None:
    for part in np.random.default_rng(0).random((50, 2)):  # of any two rows it is -1, 0 or 1
        score = score_similarity(np.array([0.0, 3.0]), part)
        assert max(map(abs, (score.pearson, *score.pearson_ci95))) <= 1
        # `compare` and `distill` keep it with these bounds
        assert DevResult(scores={"alike": score.pearson}, predicted={"alike": list(part)})


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="same shape"):
        score_similarity(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="finite"):
        score_similarity(np.array([1.0, np.nan]), np.ones(2))


def test_many_rows_are_drawn_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    gold = rng.random(500)
    predicted = gold + rng.normal(size=500)
    often = resampled_pearson(gold, predicted, 1000)
    monkeypatch.setattr("pet_mtl.metrics.similarity._MOST_DRAWN", 300 * 500)
    seldom = resampled_pearson(gold, predicted, 1000)
    assert seldom.tolist() == often[:300].tolist()
    monkeypatch.setattr("pet_mtl.metrics.similarity._MOST_DRAWN", 500)
    assert len(resampled_pearson(gold, predicted, 1000)) == 200
    assert len(resampled_pearson(gold, predicted, 1)) == 1
