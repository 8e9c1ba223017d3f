"""How well predicted numbers follow the gold ones: Pearson's and Spearman's correlation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.metrics.score import Figure, LabelScore, interval_95
from pet_mtl.random_streams import RESAMPLED_ROWS

_CHUNK = 1 << 20  # numbers of resampled rows at a time
_MOST_DRAWN = 100_000_000  # rows of all resamples: seconds; beyond, there are fewer resamples
_FEWEST = 200  # an end of the interval is then off by a tenth of its width


@dataclass(frozen=True)
class SimilarityScore:
    """How well one task is solved; a correlation is 0 where all numbers of a side are equal.

    Attributes:
        pearson: of the numbers.
        pearson_ci95: its interval, by the percentile bootstrap over rows.
        spearman: of their ranks, ties in the middle of theirs.
        mae: mean absolute error, in the targets' own units.
        rmse: root of the mean squared error.
        examples: rows.
    """

    pearson: float
    pearson_ci95: tuple[float, float]
    spearman: float
    mae: float
    rmse: float
    examples: int

    @property
    def per_label(self) -> Mapping[str, LabelScore]:
        return {}

    @property
    def confusion(self) -> Sequence[Sequence[int]]:
        return []

    @property
    def main(self) -> Figure:
        return Figure("Pearson", self.pearson, self.pearson_ci95)

    def value(self, metric: str) -> float:
        """Return what a checkpoint is chosen by."""
        return float(getattr(self, metric))

    def summary(self) -> dict[str, float]:
        """Return the figures that are logged at each evaluation."""
        return {"pearson": self.pearson, "spearman": self.spearman, "mae": self.mae}

    def shown(self) -> list[tuple[str, str, str]]:
        """Return the figures of a report: name, value, note."""
        low, high = self.pearson_ci95
        return [
            ("Pearson", f"{self.pearson:.3f}", f"95 % interval {low:.3f} – {high:.3f}"),
            ("Spearman", f"{self.spearman:.3f}", "of the ranks"),
            ("mean absolute error", f"{self.mae:.3f}", f"root of the mean square {self.rmse:.3f}"),
            ("rows", f"{self.examples:,}", ""),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the score as plain JSON values, in the form that `score --json` prints."""
        return asdict(self) | {"pearson_ci95": list(self.pearson_ci95)}


def score_similarity(
    gold: NDArray[np.floating[Any]],
    predicted: NDArray[np.floating[Any]],
    *,
    resamples: int = 1000,
) -> SimilarityScore:
    """Score predicted numbers `[N]`.

    Raises:
        ValueError: no rows, different lengths, or a value that is no number.

    >>> score = score_similarity(np.array([0.0, 1, 3]), np.array([0.5, 1, 1.5]))
    >>> round(score.pearson, 4), round(score.spearman, 4)
    (0.982, 1.0)
    """
    if gold.shape != predicted.shape or gold.ndim != 1 or len(gold) == 0:
        raise ValueError(
            "Parameters `gold` and `predicted` should have the same shape (N,) with N ≥ 1. "
            f"Found `gold.shape = {gold.shape}` and `predicted.shape = {predicted.shape}`."
        )
    one, other = gold.astype(np.float64), predicted.astype(np.float64)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ValueError("Parameters `gold` and `predicted` should hold finite numbers.")
    return SimilarityScore(
        pearson=float(_pearson(one[None], other[None])[0]),
        pearson_ci95=interval_95(resampled_pearson(one, other, resamples)),
        spearman=float(_pearson(_ranks(one)[None], _ranks(other)[None])[0]),
        mae=float(np.abs(one - other).mean()),
        rmse=float(np.sqrt(np.square(one - other).mean())),
        examples=len(one),
    )


def resampled_pearson(
    one: NDArray[np.float64], other: NDArray[np.float64], resamples: int
) -> NDArray[np.float64]:
    """Return Pearson's correlation of each of the resamples, `[resamples]` or fewer where rows are
    many; the same rows are drawn for other predictions of as many rows."""
    resamples = min(resamples, max(_FEWEST, _MOST_DRAWN // len(one)))
    generator, done = RESAMPLED_ROWS.generator(0), []
    step = max(1, _CHUNK // len(one))
    for start in range(0, resamples, step):
        rows = generator.integers(0, len(one), (min(step, resamples - start), len(one)))
        done.append(_pearson(one.take(rows), other.take(rows)))
    return np.concatenate(done)


def counted_pearson(
    gold: NDArray[Any], sides: Sequence[NDArray[Any]], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return Pearson's correlation `[R]`, the mean over several predictions of the same rows, where
    row `n` of `N` counts `counts[r, n]` times, `N` times in all.

    Args:
        gold: numbers `[N]`; each of `sides` likewise.
    """
    size = len(gold)
    step, found = max(1, _CHUNK // size), []
    for start in range(0, len(counts), step):
        part = counts[start : start + step]
        rows = np.tile(np.arange(size), len(part)).repeat(part.ravel()).reshape(len(part), size)
        right = gold.astype(np.float64)[rows]
        each = [_pearson(right, side.astype(np.float64)[rows]) for side in sides]
        found.append(np.mean(each, axis=0))
    return np.concatenate(found)


def _pearson(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of each row of two arrays `[R, N]`, 0 where a side does not vary."""
    # asked before the mean is taken: rounding leaves something of equal numbers
    varies = (one != one[:, :1]).any(-1) & (other != other[:, :1]).any(-1)
    one, other = (side - side.mean(-1, keepdims=True) for side in (one, other))
    scale = np.sqrt(np.square(one).sum(-1) * np.square(other).sum(-1))
    product = (one * other).sum(-1)
    found = np.divide(product, scale, out=np.zeros_like(product), where=varies & (scale > 0))
    return np.asarray(found.clip(-1, 1))  # rounding may pass an end


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each number, equal numbers in the middle of theirs.

    >>> _ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [1.5, 0.0, 1.5]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle: NDArray[np.float64] = ends - (counts + 1) / 2
    return np.asarray(middle[inverse])
