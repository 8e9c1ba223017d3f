"""Sets of labels: against torch's own binary cross-entropy, scikit-learn's F1, and brute force."""

import tracemalloc

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics

from pet_mtl.kinds import SetPrediction, build_kind, fitted_thresholds
from pet_mtl.kinds.multi_label import fit_thresholds
from pet_mtl.metrics.multi_label import resampled_macro_f1, score_sets
from pet_mtl.suite.kind import KindSpec

LABELS = ("a", "b", "c")


def kind(**more: object):
    return build_kind(KindSpec("multi_label", LABELS, **more))  # type: ignore[arg-type]


def scores_of(rows: int, columns: int) -> torch.Tensor:
    return 2 * torch.randn(rows, columns, generator=torch.Generator().manual_seed(5))


def sets(rows: int, *, seed: int = 0, share: float = 0.4) -> np.ndarray:
    return (np.random.default_rng(seed).random((rows, 3)) < share).astype(np.float32)


def test_with_no_words_each_label_stands_against_them() -> None:
    scores = scores_of(6, 4)
    expected = torch.sigmoid(scores[:, :3] - scores[:, 3:])
    found = kind(no=True).probabilities(kind(no=True).log_probs(scores).numpy())
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_without_them_a_probability_is_the_share_among_the_labels() -> None:
    scores = scores_of(6, 3)
    found = kind().probabilities(kind().log_probs(scores).numpy())
    np.testing.assert_allclose(found, scores.softmax(-1), atol=1e-6)


@pytest.mark.parametrize("no", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_is_the_sum_of_binary_cross_entropies(no: bool, smoothing: float) -> None:
    scores, targets = scores_of(8, 3 + no), torch.from_numpy(sets(8))
    targets[2] = -1
    of_kind = kind(no=no)
    p = torch.from_numpy(of_kind.probabilities(of_kind.log_probs(scores).numpy()))
    wanted = targets.clamp(min=0).double() * (1 - smoothing) + smoothing / 2
    expected = -(wanted * p.log() + (1 - wanted) * (1 - p).log()).sum(-1)
    expected[2] = 0
    losses = of_kind.losses(scores, targets, smoothing)
    torch.testing.assert_close(losses.double(), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(of_kind.loss(scores, targets, smoothing), losses.sum())


def test_gradients_are_finite_where_probabilities_are_not_told_apart_from_one() -> None:
    for no in (True, False):
        scores = torch.tensor([[90.0, -90.0, 0.0, 0.0][: 3 + no]], requires_grad=True)
        kind(no=no).loss(scores, torch.tensor([[0.0, 1.0, 1.0]])).backward()
        assert scores.grad is not None
        assert scores.grad.isfinite().all()


def test_a_sure_teacher_is_a_target() -> None:
    scores, targets = scores_of(5, 4), torch.from_numpy(sets(5))
    weights = torch.arange(1.0, 6.0)
    of_kind = kind(no=True)
    expected = (weights * of_kind.losses(scores, targets)).sum()
    torch.testing.assert_close(of_kind.teacher_loss(scores, targets, weights), expected)
    plain = F.binary_cross_entropy_with_logits(
        scores[:, :3] - scores[:, 3:], targets, reduction="none"
    )
    torch.testing.assert_close(expected, (weights[:, None] * plain).sum())


def test_patterns_are_averaged_in_log_odds() -> None:
    each = np.stack([scores_of(4, 3).numpy(), scores_of(4, 3).numpy() - 1])
    np.testing.assert_allclose(kind().average(each, np.ones(2, np.float32)), each.mean(0))
    weighted = kind().average(each, np.array([1, 3], np.float32))
    np.testing.assert_allclose(weighted, (each[0] + 3 * each[1]) / 4, atol=1e-6)


def test_decisions_follow_the_thresholds() -> None:
    odds = np.log(np.array([[0.2, 0.6, 0.45]]) / (1 - np.array([[0.2, 0.6, 0.45]])))
    assert kind(no=True).decide(odds).tolist() == [[False, True, False]]
    assert kind().decide(odds).tolist() == [[False, True, True]]  # an equal share is 1 / 3
    assert kind(thresholds=(0.1, 0.7, 0.4)).decide(odds).tolist() == [[True, False, True]]


@pytest.mark.parametrize("seed", range(5))
def test_fitted_thresholds_have_the_best_f1_there_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold = sets(40, seed=seed)
    p = np.round(np.clip(0.3 * gold + rng.random((40, 3)) * 0.7, 0.01, 0.99), 2)  # with ties
    found = fit_thresholds(gold, p, np.full(3, 0.5))
    for label in range(3):
        tried = [0.0, *np.unique(p[:, label]), 1.0]
        best = max(metrics.f1_score(gold[:, label], p[:, label] >= t) for t in tried)
        assert metrics.f1_score(gold[:, label], p[:, label] >= found[label]) == pytest.approx(best)


def test_thresholds_of_very_sure_rows_have_the_best_f1_too() -> None:
    odds = np.array([[30.0], [29.0], [-22.0], [-25.0], [-40.0]])
    p = 1 / (1 + np.exp(-odds))
    for gold in ([1, 0, 0, 0, 0], [1, 1, 0, 1, 1], [1, 1, 1, 1, 0]):
        wanted = np.array(gold)[:, None]
        found = fit_thresholds(wanted, p, np.array([0.5]))
        best = max(metrics.f1_score(wanted, p >= t) for t in p)
        assert 0 < found[0] < 1
        assert metrics.f1_score(wanted, p >= found) == pytest.approx(best)


def test_of_thresholds_with_one_f1_the_nearest_to_the_usual_is_taken() -> None:
    p, gold = np.array([[0.99], [0.95], [0.9], [0.8]]), np.array([[1], [0], [0], [1]])
    for usual, wanted in ((0.5, 0.4), (0.9, 0.97)):  # two of four are right, or one of one: 2 / 3
        assert fit_thresholds(gold, p, np.array([usual])) == pytest.approx(wanted)


def test_a_label_without_rows_keeps_its_threshold() -> None:
    gold = np.array([[1, 0], [0, 0]])
    found = fit_thresholds(gold, np.array([[0.8, 0.1], [0.2, 0.3]]), np.array([0.5, 0.25]))
    assert found.tolist() == [0.5, 0.25]


def test_thresholds_of_a_kind_are_fitted_on_its_probabilities() -> None:
    odds = np.array([[4.0, 0, 0], [1.0, 0, 0], [-2.0, 0, 0]])
    gold = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 1]])
    first = fitted_thresholds(kind(no=True), gold, odds)[0]
    one, two = 1 / (1 + np.exp(-4)), 1 / (1 + np.exp(-1))
    assert first == pytest.approx((one + two) / 2)


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    gold, predicted = sets(60, seed=seed) > 0, sets(60, seed=seed + 10) > 0
    if seed == 3:
        gold[:, 2] = predicted[:, 2] = False  # a label that never occurs
    score = score_sets(gold, predicted, LABELS)
    options = {"zero_division": 0}
    assert score.macro_f1 == pytest.approx(
        metrics.f1_score(gold, predicted, average="macro", **options)
    )
    assert score.micro_f1 == pytest.approx(
        metrics.f1_score(gold, predicted, average="micro", **options)
    )
    assert score.exact_match == pytest.approx(metrics.accuracy_score(gold, predicted))
    parts = metrics.precision_recall_fscore_support(gold, predicted, **options)
    for k, label in enumerate(LABELS):
        each = score.per_label[label]
        found = (each.precision, each.recall, each.f1, each.support)
        assert found == pytest.approx([part[k] for part in parts])
    low, high = score.macro_f1_ci95
    assert low <= score.macro_f1 <= high
    assert score.to_json()["per_label"]["a"]["support"] == int(gold[:, 0].sum())


def slow_macro_f1(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Rows drawn one by one, 2,000 times; some at a time."""
    rng, drawn = np.random.default_rng(9), []
    for _ in range(20):
        rows = rng.integers(0, len(gold), (100, len(gold)))
        hits = (gold & predicted)[rows].sum(1)
        both = (gold.astype(np.int8) + predicted)[rows].sum(1)
        drawn.append(np.mean(2 * hits / np.maximum(both, 1), axis=1))
    return np.concatenate(drawn)


def test_its_interval_is_that_of_drawn_rows() -> None:
    gold, predicted = sets(50) > 0, sets(50, seed=1) > 0
    drawn = slow_macro_f1(gold, predicted)
    assert score_sets(gold, predicted, LABELS).macro_f1_ci95 == pytest.approx(
        np.quantile(drawn, [0.025, 0.975]), abs=0.02
    )


def test_sets_that_are_all_right_are_no_certainty() -> None:
    gold = np.tile([[True, False, True], [False, True, False]], (10, 1))
    assert score_sets(gold, gold, LABELS).macro_f1_ci95 == pytest.approx((0.025 ** (1 / 20), 1))


@pytest.mark.parametrize("labels", [3, 12])
def test_rows_drawn_by_kind_are_rows_drawn_one_by_one(labels: int) -> None:
    """Of 3 labels few kinds of rows are drawn as counts; of 12 nearly every row is a kind."""
    rng = np.random.default_rng(2)
    gold = rng.random((1200, labels)) < 0.4
    before, after = (gold ^ (rng.random(gold.shape) < share) for share in (0.3, 0.2))
    found = resampled_macro_f1(gold, [before, after], 2000)
    slow = np.array([slow_macro_f1(gold, side) for side in (before, after)])
    for fast, plain in zip([*found, found[1] - found[0]], [*slow, slow[1] - slow[0]], strict=True):
        ends = np.quantile([fast, plain], [0.025, 0.5, 0.975], axis=1)
        np.testing.assert_allclose(ends[:, 0], ends[:, 1], atol=0.002)


def test_both_sides_are_scored_on_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    gold, side = rng.random((2, 500, 5)) < 0.5
    monkeypatch.setattr("pet_mtl.metrics.multi_label._DRAWN", 4000)  # a few resamples at a time
    one, other, turned = resampled_macro_f1(gold, [side, side, ~side], 50)
    assert one.tolist() == other.tolist() != turned.tolist()
    assert len(set(one.tolist())) > 40


def test_drawing_holds_no_more_where_rows_repeat() -> None:
    gold, predicted = sets(200) > 0, sets(200, seed=1) > 0
    many = np.tile(gold, (1000, 1)), np.tile(predicted, (1000, 1))
    tracemalloc.start()
    found = resampled_macro_f1(many[0], [many[1]], 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.std() < 0.001
    assert peak < 50 * len(many[0])  # bytes; a count for each row and resample is 800 MB


def test_labels_are_counted_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As floats, the sets of all rows would be eight times those that are there."""
    rng = np.random.default_rng(4)
    gold, side = rng.random((2, 2000, 100)) < 0.5
    whole = resampled_macro_f1(gold, [side], 20)
    monkeypatch.setattr("pet_mtl.metrics.multi_label._DRAWN", 4 * 2000)
    monkeypatch.setattr("pet_mtl.metrics.multi_label._CELLS", 7 * 2000)
    tracemalloc.start()
    np.testing.assert_allclose(resampled_macro_f1(gold, [side], 20), whole, rtol=1e-12)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * gold.nbytes


def test_a_gain_is_that_of_the_second_over_the_first() -> None:
    rng, gold = np.random.default_rng(6), sets(80)
    far, near = ((gold > 0) ^ (rng.random((80, 3)) < share) for share in (0.4, 0.05))
    low, high = kind().gain(gold, far, near)
    assert 0.1 < low < high
    assert kind().gain(gold, near, far)[1] < -0.1


def test_what_files_and_python_hold() -> None:
    of_kind = kind(no=True, separator="|")
    odds = np.array([[2.0, -2.0, 2.0], [-2.0, -2.0, -2.0]])
    full, empty = of_kind.cells(odds)
    assert (full["labels"], empty["labels"]) == (["a", "c"], [])
    p = 1 / (1 + np.exp(-2))
    assert full["probabilities"] == pytest.approx({"a": p, "b": 1 - p, "c": p})
    one, none = of_kind.predictions(odds)
    assert isinstance(one, SetPrediction)
    assert isinstance(none, SetPrediction)
    assert (one.labels, one.label, none.labels, none.label) == (("a", "c"), "a|c", (), "")
    assert one.probability == pytest.approx(p**3)
    assert of_kind.right(np.array([[1, 0, 1], [0, 0, 1]]), of_kind.decide(odds)).tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize("no", [False, True])
def test_the_loss_of_a_guess(no: bool) -> None:
    alike, one = torch.zeros(1, 3 + no), torch.tensor([[0.0, 1.0, 0.0]])
    expected = float(kind(no=no).losses(alike, one))
    assert kind(no=no).guess_loss(3 + no) == pytest.approx(expected)


def slow_odds(scores: torch.Tensor) -> torch.Tensor:
    """The obvious formula: each label against the sum of all others."""
    own = torch.eye(scores.shape[-1], dtype=torch.bool)
    return scores - scores.unsqueeze(-2).masked_fill(own, float("-inf")).logsumexp(-1)


@pytest.mark.parametrize("spread", [0.0, 1.0, 20.0, 300.0])
@pytest.mark.parametrize("labels", [2, 3, 40])
def test_odds_without_no_words_are_those_of_the_obvious_formula(spread: float, labels: int) -> None:
    generator = torch.Generator().manual_seed(labels)
    plain = spread * torch.randn(9, labels, generator=generator)
    plain[0] = plain[0].round()  # ties, at the top too
    plain[1, :2] = plain[1].max() + 1
    wanted = torch.randn(9, labels, generator=generator)
    found, expected = [], []
    for formula, precision, done in (
        (kind().log_probs, torch.float32, found),
        (kind().log_probs, torch.float64, found),
        (slow_odds, torch.float64, expected),
    ):
        scores = plain.to(precision, copy=True).requires_grad_()
        odds = formula(scores)
        (odds * wanted.to(precision)).sum().backward()
        assert scores.grad is not None
        done.append((odds.detach().double(), scores.grad.double()))
    for (odds, gradient), atol in zip(found, (2e-5, 1e-12), strict=True):
        torch.testing.assert_close(odds, expected[0][0], rtol=1e-6, atol=atol)
        torch.testing.assert_close(gradient, expected[0][1], rtol=1e-5, atol=atol)


def test_odds_of_many_labels_keep_no_table_of_all_pairs() -> None:
    scores, kept = torch.zeros(2, 300, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        kind().log_probs(scores)
    assert max(kept) <= scores.numel()
