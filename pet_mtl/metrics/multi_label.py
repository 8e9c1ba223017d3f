"""How well predicted sets of labels match the gold sets: micro- and macro-F1, exact matches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.metrics.score import Figure, LabelScore

_CHUNK = 100  # resamples at a time: a count for each row and resample is kept


@dataclass(frozen=True)
class MultiLabelScore:
    """How well one task is solved.

    Attributes:
        macro_f1: mean over all labels; that of a label without gold and predicted rows is 0, as
            scikit-learn has it for sets.
        macro_f1_ci95: its interval, by the percentile bootstrap over rows.
        micro_f1: of all pairs of row and label.
        exact_match: share of rows whose set is right.
        examples: rows.
        labels: how well each label is found.
    """

    macro_f1: float
    macro_f1_ci95: tuple[float, float]
    micro_f1: float
    exact_match: float
    examples: int
    labels: dict[str, LabelScore]

    @property
    def per_label(self) -> Mapping[str, LabelScore]:
        return self.labels

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
            ("rows", f"{self.examples:,}", f"{len(self.labels)} labels"),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the score as plain JSON values, in the form that `score --json` prints."""
        return {
            "micro_f1": self.micro_f1,
            "macro_f1": self.macro_f1,
            "macro_f1_ci95": list(self.macro_f1_ci95),
            "exact_match": self.exact_match,
            "examples": self.examples,
            "per_label": {
                label: {
                    "precision": each.precision,
                    "recall": each.recall,
                    "f1": each.f1,
                    "support": each.support,
                }
                for label, each in self.labels.items()
            },
        }


def score_sets(
    gold: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    labels: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
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
    precision, recall = _ratio(hits, taken), _ratio(hits, support)
    f1 = _ratio(2 * hits, support + taken)
    micro = _ratio(2 * hits.sum(keepdims=True), (support + taken).sum(keepdims=True))
    low, high = np.quantile(resampled_macro_f1(gold, predicted, resamples, seed), [0.025, 0.975])
    return MultiLabelScore(
        macro_f1=float(f1.mean()),
        macro_f1_ci95=(float(low), float(high)),
        micro_f1=float(micro[0]),
        exact_match=float((gold == predicted).all(1).mean()),
        examples=len(gold),
        labels={
            label: LabelScore(float(precision[k]), float(recall[k]), float(f1[k]), int(support[k]))
            for k, label in enumerate(labels)
        },
    )


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Return `part / whole`, 0 where `whole` is 0."""
    return np.asarray(np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0))


def resampled_macro_f1(
    gold: NDArray[np.bool_], predicted: NDArray[np.bool_], resamples: int, seed: int
) -> NDArray[np.float64]:
    """Return the macro-F1 of each of the resamples, `[resamples]`; the same rows are drawn for
    other predictions of as many rows."""
    generator, done = np.random.default_rng(seed), []
    rows = len(gold)
    hits = (gold & predicted).astype(np.float32)
    both = gold.astype(np.float32) + predicted.astype(np.float32)
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        counts = generator.multinomial(rows, np.full(rows, 1 / rows), size).astype(np.float32)
        done.append(_ratio(2 * (counts @ hits), counts @ both).mean(1))
    return np.concatenate(done)
