"""What several seeds say together: mean, spread, and the paired bootstrap of a difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.kinds import Kind
from pet_mtl.kinds.kind import Decided, Gold
from pet_mtl.random_streams import RESAMPLED_ROWS

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
    kinds: Mapping[str, Kind],
    gold: Mapping[str, Gold],
    first: Mapping[str, Sequence[Decided]],
    other: Mapping[str, Sequence[Decided]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Return how much higher the mean of the tasks' main figures, over tasks and seeds, is for
    `other` than for `first`.

    The interval is the percentile bootstrap over dev rows, paired: each resample draws rows of each
    task once, for both sides and all seeds (Efron & Tibshirani 1993). It says how the choice of dev
    rows matters; how the seeds differ is the `Spread`.

    Args:
        kinds: of the tasks that are asked about.
        gold: targets of the rows, by task.
        first: decisions of each seed, by task.
        other: likewise; the number of seeds may differ.
    """
    draws = np.zeros(resamples)
    observed = 0.0
    generator = RESAMPLED_ROWS.generator(seed)

    def gain(task: str, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        ours, theirs = (kinds[task].counted(gold[task], s[task], counts) for s in (other, first))
        return ours - theirs

    for task in kinds:
        rows = len(gold[task])
        observed += float(gain(task, np.ones((1, rows), np.int64))[0])
        chunk = max(1, _COUNTS // rows)
        for start in range(0, resamples, chunk):
            size = min(chunk, resamples - start)
            counts = generator.multinomial(rows, np.full(rows, 1 / rows), size)
            draws[start : start + size] += gain(task, counts)
    low, high = np.quantile(draws / len(kinds), [0.025, 0.975])
    return Difference(observed / len(kinds), float(low), float(high))
