"""What a change of the predictions gains: how far the main figure rises, and how sure that is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.metrics.classification import cells_macro_f1, resampled_parts
from pet_mtl.metrics.multi_label import resampled_macro_f1
from pet_mtl.metrics.score import interval_95
from pet_mtl.metrics.similarity import resampled_pearson


def macro_f1_gain(
    gold: NDArray[np.int64],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    size: int,
    *,
    resamples: int = 500,
) -> tuple[float, tuple[float, float]]:
    """Return the gain in macro-F1 and its 95 % interval, by the paired bootstrap over rows.

    Args:
        gold, before, after: `[N]` label indices below `size`.

    >>> gold = np.array([0, 0, 1, 1])
    >>> macro_f1_gain(gold, gold, gold, 2)
    (0.0, (0.0, 0.0))
    """
    # rows that are all alike
    cells, counts = np.unique((gold * size + before) * size + after, return_counts=True)
    of_gold, of_before, of_after = cells // size**2, cells // size % size, cells % size

    def gains(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        new, old = (cells_macro_f1(drawn, of_gold, side, size) for side in (of_after, of_before))
        return new - old

    parts = resampled_parts(counts, resamples=resamples)
    drawn = np.concatenate([gains(part) for part in parts])
    return float(gains(counts[None])[0]), interval_95(drawn)


def sets_gain(
    gold: NDArray[np.bool_],
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    *,
    resamples: int = 500,
) -> tuple[float, float]:
    """Return the 95 % interval of the gain in macro-F1 over the labels of sets `[N, K]`, by the
    paired bootstrap over rows: both sides are scored on the same draws.

    >>> gold = np.array([[1, 0], [0, 1]]) > 0
    >>> sets_gain(gold, gold, gold)
    (0.0, 0.0)
    """
    old, new = resampled_macro_f1(gold, [before, after], resamples)
    return interval_95(new - old)


def numbers_gain(
    gold: NDArray[Any],
    before: NDArray[Any],
    after: NDArray[Any],
    *,
    resamples: int = 500,
) -> tuple[float, float]:
    """Return the 95 % interval of the gain in Pearson's correlation of numbers `[N]`, by the paired
    bootstrap over rows.

    >>> gold = np.array([0.0, 1.0, 2.0])
    >>> numbers_gain(gold, gold, gold)
    (0.0, 0.0)
    """
    gold, before, after = (side.astype(np.float64) for side in (gold, before, after))
    new = resampled_pearson(gold, after, resamples)
    return interval_95(new - resampled_pearson(gold, before, resamples))
