"""How far predicted labels of a scale lie from the gold ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.metrics.classification import TaskScore, resampled_parts, score_predictions
from pet_mtl.metrics.score import interval_95


@dataclass(frozen=True)
class OrderedScore(TaskScore):
    """A `TaskScore` and, beside it, the mean absolute error.

    Attributes:
        mae: in the labels' own units, or in places where they are no numbers.
        mae_ci95: its interval, by the percentile bootstrap over rows.
        span: from the lowest to the highest label.
    """

    mae: float = 0.0
    mae_ci95: tuple[float, float] = (0.0, 0.0)
    span: float = 1.0

    def value(self, metric: str) -> float:
        """Return what a checkpoint is chosen by; of the error, 1 minus its share of the span."""
        return 1 - self.mae / self.span if metric == "mae" else super().value(metric)

    def summary(self) -> dict[str, float]:
        return {**super().summary(), "mae": self.mae}

    def shown(self) -> list[tuple[str, str, str]]:
        low, high = self.mae_ci95
        error = ("mean absolute error", f"{self.mae:.3f}", f"95 % interval {low:.3f} – {high:.3f}")
        return [*super().shown()[:2], error, *super().shown()[2:]]

    def to_json(self) -> dict[str, Any]:
        done = super().to_json() | {"mae_ci95": list(self.mae_ci95)}
        del done["span"]
        return done


def score_ordered(
    gold: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    labels: Sequence[str],
    values: NDArray[np.float64],
    *,
    resamples: int = 1000,
) -> OrderedScore:
    """Score predictions, both [N] indices into `labels`, which are worth `values` `[K]`.

    Raises:
        ValueError: as `score_predictions`.

    >>> score = score_ordered(np.array([0, 2]), np.array([1, 2]), "135", np.array([1.0, 3, 5]))
    >>> score.mae, score.value("mae")
    (1.0, 0.75)
    """
    plain = score_predictions(gold, predicted, labels, resamples=resamples)
    confusion = np.array(plain.confusion)
    cells = np.nonzero(confusion)
    off = np.abs(values[cells[0]] - values[cells[1]])
    parts = resampled_parts(confusion[cells], resamples=resamples)
    errors = np.concatenate([counts @ off for counts in parts]) / len(gold)
    return OrderedScore(
        **vars(plain),
        mae=float(np.abs(values[gold] - values[predicted]).mean()),
        mae_ci95=interval_95(errors),
        span=float(values[-1] - values[0]),
    )
