"""How well predicted sets of labels match the gold sets: micro- and macro-F1, exact matches."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.metrics.classification import drawn_counts
from pet_mtl.metrics.score import Figure, LabelScore, interval_95, label_scores, ratio, with_limits
from pet_mtl.random_streams import RESAMPLED_ROWS

_DRAWN = 1 << 23  # counts at a time: one for each resample and kind of row
_CELLS = 1 << 24  # at a time: one for each kind of row and label


@dataclass(frozen=True)
class MultiLabelScore:
    """How well one task is solved.

    Attributes:
        micro_f1: of all pairs of row and label.
        macro_f1: mean over all labels; that of a label without gold and predicted rows is 0, as
            scikit-learn has it for sets.
        macro_f1_ci95: its interval, by the percentile bootstrap over rows.
        exact_match: share of rows whose set is right.
        examples: rows.
        per_label: how well each label is found.
    """

    micro_f1: float
    macro_f1: float
    macro_f1_ci95: tuple[float, float]
    exact_match: float
    examples: int
    per_label: dict[str, LabelScore]

    @property
    def confusion(self) -> Sequence[Sequence[int]]:
        return []

    @property
    def main(self) -> Figure:
        return Figure("macro-F1", self.macro_f1, self.macro_f1_ci95)

    def value(self, metric: str) -> float:
        """Return what a checkpoint is chosen by."""
        return float(getattr(self, metric))

    def summary(self) -> dict[str, float]:
        """Return the figures that are logged at each evaluation."""
        return {
            "macro_f1": self.macro_f1,
            "micro_f1": self.micro_f1,
            "exact_match": self.exact_match,
        }

    def shown(self) -> list[tuple[str, str, str]]:
        """Return the figures of a report: name, value, note."""
        low, high = self.macro_f1_ci95
        return [
            ("macro-F1", f"{self.macro_f1:.3f}", f"95 % interval {low:.3f} – {high:.3f}"),
            ("micro-F1", f"{self.micro_f1:.3f}", "of all pairs of row and label"),
            ("exact match", f"{self.exact_match:.3f}", "rows whose whole set is right"),
            ("rows", f"{self.examples:,}", f"{len(self.per_label)} labels"),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the score as plain JSON values, in the form that `score --json` prints."""
        return asdict(self) | {"macro_f1_ci95": list(self.macro_f1_ci95)}


def score_sets(
    gold: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    labels: Sequence[str],
    *,
    resamples: int = 1000,
) -> MultiLabelScore:
    """Score predicted sets, both `[N, K]` of the labels.

    Raises:
        ValueError: no rows, or other shapes.

    >>> gold, predicted = np.array([[1, 0], [1, 1]]) > 0, np.array([[1, 0], [1, 0]]) > 0
    >>> score = score_sets(gold, predicted, ["a", "b"])
    >>> score.macro_f1, round(score.micro_f1, 4), score.exact_match
    (0.5, 0.8, 0.5)
    """
    if gold.shape != predicted.shape or gold.shape[1:] != (len(labels),) or len(gold) == 0:
        raise ValueError(
            f"Parameters `gold` and `predicted` should have the same shape (N, {len(labels)}) with "
            f"N ≥ 1. Found `gold.shape = {gold.shape}` and `predicted.shape = {predicted.shape}`."
        )
    hits = (gold & predicted).sum(0)
    support, taken = gold.sum(0), predicted.sum(0)
    micro = ratio(2 * hits.sum(keepdims=True), (support + taken).sum(keepdims=True))
    right = (gold == predicted).all(1)
    (drawn,) = resampled_macro_f1(gold, [predicted], resamples)
    return MultiLabelScore(
        micro_f1=float(micro[0]),
        macro_f1=float(ratio(2 * hits, support + taken).mean()),
        macro_f1_ci95=with_limits(interval_95(drawn), int(right.sum()), len(gold)),
        exact_match=float(right.mean()),
        examples=len(gold),
        per_label=label_scores(labels, hits, support, taken),
    )


def resampled_macro_f1(
    gold: NDArray[np.bool_], sides: Sequence[NDArray[np.bool_]], resamples: int
) -> NDArray[np.float64]:
    """Return the macro-F1 of each of the resamples for each of the sides, `[sides, resamples]`, all
    scored on the same rows.

    Drawing rows is drawing how many there are of each kind: those with one gold set and one
    predicted set of each side.

    Args:
        sides: predicted sets, each as `gold`.
    """
    first, counts = _kinds_of_rows([gold, *sides])
    gold, sides = gold[first], [side[first] for side in sides]
    generator = RESAMPLED_ROWS.generator(0)
    most, sums = max(1, _DRAWN // len(counts)), np.zeros((len(sides), resamples))
    for start in range(0, resamples, most):
        drawn = drawn_counts(counts, min(most, resamples - start), generator).astype(np.float32)
        for of_side, side in zip(sums, sides, strict=True):
            of_side[start : start + most] = _f1_sums(drawn, gold, side)
    return np.asarray(sums / gold.shape[1])


def counted_macro_f1_of_sets(
    gold: NDArray[np.bool_], sides: Sequence[NDArray[np.bool_]], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return macro-F1 over all labels `[R]`, the mean over several predictions of the same rows,
    where row `n` counts `counts[r, n]` times.

    Args:
        gold: sets `[N, K]`; each of `sides` likewise.
    """
    weights = counts.astype(np.float32)
    sums = [_f1_sums(weights, gold, side) for side in sides]
    return np.asarray(np.mean(sums, axis=0) / gold.shape[1])


def _f1_sums(
    counts: NDArray[np.float32], gold: NDArray[np.bool_], predicted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the sum of all labels' F1 `[R]`, where row `n` counts `counts[r, n]` times."""
    step, sums = max(1, _CELLS // len(gold)), np.zeros(len(counts))
    # some labels at a time: as floats, those of all rows take eight times the sets themselves
    for label in range(0, gold.shape[1], step):
        right, taken = (each[:, label : label + step] for each in (gold, predicted))
        hits = counts @ (right & taken).astype(np.float32)
        sums += ratio(2 * hits, counts @ np.add(right, taken, dtype=np.float32)).sum(1)
    return sums


def _kinds_of_rows(
    sets: Sequence[NDArray[np.bool_]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first row of each kind, all of whose rows have the same sets, and how many they
    are."""
    packed = np.hstack([np.packbits(each, axis=1) for each in sets])
    # as texts of one width, which are sorted faster than rows of numbers
    _, first, counts = np.unique(
        packed.view(f"S{packed.shape[1]}")[:, 0], return_index=True, return_counts=True
    )
    return first, counts
