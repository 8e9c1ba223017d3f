"""What several seeds say together: mean, spread, and the paired bootstrap of a difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.random_streams import RESAMPLED_ROWS

Labels = NDArray[np.int64]
RESAMPLES = 1000
_COUNTS = 1 << 23  # at a time: one for each row and resample


@dataclass(frozen=True)
class Spread:
    """One figure over several seeds; `sd` is that of a sample (divided by n - 1), None for one
    seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def median(self) -> float:
        return float(np.median(self.values))

    @property
    def sd(self) -> float | None:
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    def to_json(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "sd": self.sd,
            "median": self.median,
            "values": list(self.values),
        }


@dataclass(frozen=True)
class Difference:
    """A difference with its 95 % interval; `clear` where 0 is outside."""

    mean: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "ci95": [self.low, self.high]}


def paired_difference(
    gold: Mapping[str, Labels],
    first: Mapping[str, Sequence[Labels]],
    other: Mapping[str, Sequence[Labels]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Return how much higher the mean macro-F1 over tasks and seeds is for `other` than for
    `first`.

    The interval is the percentile bootstrap over dev rows, paired: each resample draws rows of each
    task once, for both sides and all seeds (Efron & Tibshirani 1993). It says how the choice of dev
    rows matters; how the seeds differ is the `Spread`.

    Args:
        gold: label numbers [N] by task.
        first: predictions [N] of each seed, by task.
        other: likewise; the number of seeds may differ.
    """
    draws = np.zeros(resamples)
    observed = 0.0
    generator = RESAMPLED_ROWS.generator(seed)

    def gain(task: str, counts: NDArray[np.integer]) -> NDArray[np.float64]:
        weights = counts.astype(np.float32)
        ours, theirs = (np.stack(list(side[task])) for side in (other, first))
        return _macro_f1(weights, gold[task], ours) - _macro_f1(weights, gold[task], theirs)

    for task, labels in gold.items():
        rows = len(labels)
        observed += float(gain(task, np.ones((1, rows), np.int64))[0])
        chunk = max(1, _COUNTS // rows)
        for start in range(0, resamples, chunk):
            size = min(chunk, resamples - start)
            counts = generator.multinomial(rows, np.full(rows, 1 / rows), size)
            draws[start : start + size] += gain(task, counts)
    low, high = np.quantile(draws / len(gold), [0.025, 0.975])
    return Difference(observed / len(gold), float(low), float(high))


def _macro_f1(counts: NDArray[np.float32], gold: Labels, predicted: Labels) -> NDArray[np.float64]:
    """Return the macro-F1 [R], mean over seeds, where row `n` counts `counts[r, n]` times;
    `predicted` is [S, N]."""
    every = np.arange(1 + max(int(gold.max()), int(predicted.max())))
    is_gold = gold[:, None] == every  # [N, K]
    in_gold = counts @ is_gold.astype(np.float32)
    total = np.zeros(len(counts))
    for of_seed in predicted:
        is_predicted = of_seed[:, None] == every
        present = in_gold + counts @ is_predicted.astype(np.float32)
        hits = counts @ (is_gold & is_predicted).astype(np.float32)
        f1 = np.zeros(present.shape)
        np.divide(2 * hits, present, out=f1, where=present > 0, dtype=np.float64)
        total += f1.sum(1) / (present > 0).sum(1)
    return total / len(predicted)
