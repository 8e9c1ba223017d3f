"""What a change of the predictions gains: the difference of macro-F1, with its uncertainty."""

import numpy as np
from numpy.typing import NDArray

from pet_mtl.random_streams import RESAMPLED_ROWS


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Return macro-F1 of a confusion matrix `[K, K]`: over the labels that occur, as
    `score_predictions` has it."""
    total = confusion.sum(axis=1) + confusion.sum(axis=0)
    present = total > 0
    return float(np.mean(2 * np.diag(confusion)[present] / total[present]))


def macro_f1_gain(
    gold: NDArray[np.int64],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    size: int,
    *,
    resamples: int = 500,
    seed: int = 0,
) -> tuple[float, tuple[float, float]]:
    """Return the gain in macro-F1 and its 95 % interval, by the paired bootstrap over rows.

    Args:
        gold, before, after: `[N]` label indices below `size`.

    >>> gold = np.array([0, 0, 1, 1])
    >>> macro_f1_gain(gold, gold, gold, 2)
    (0.0, (0.0, 0.0))
    """
    cells, counts = np.unique(
        (gold * size + before) * size + after, return_counts=True
    )  # rows that are all alike
    drawn = RESAMPLED_ROWS.generator(seed).multinomial(
        len(gold), counts / len(gold), size=resamples
    )
    drawn = np.concatenate([counts[None], drawn])
    of_gold, of_before, of_after = cells // size**2, cells // size % size, cells % size
    gains = _macro_f1(drawn, of_gold, of_after, size) - _macro_f1(drawn, of_gold, of_before, size)
    low, high = np.quantile(gains[1:], [0.025, 0.975])
    return float(gains[0]), (float(low), float(high))


def _macro_f1(
    counts: NDArray[np.int64], gold: NDArray[np.int64], predicted: NDArray[np.int64], size: int
) -> NDArray[np.float64]:
    """Return macro-F1 for each row of `counts` `[R, cells]`."""
    labels = np.arange(size)
    of_gold, of_predicted = gold[:, None] == labels, predicted[:, None] == labels
    total = counts @ (of_gold.astype(float) + of_predicted)
    hits = counts @ (of_gold & of_predicted).astype(float)
    f1 = np.divide(2 * hits, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(f1.sum(1) / (total > 0).sum(1))
