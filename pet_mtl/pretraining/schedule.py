"""Which rows each step sees: a pure function of the seed, so that any step can be gone back to."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.random_streams import PRETRAINING_ORDER

_POOL_STEPS = 64  # steps whose rows are sorted by length together, as in training


class PlannedStep(NamedTuple):
    """The rows of an optimizer step, and whether it is its epoch's last."""

    epoch: int
    plan: BatchPlan
    ends_epoch: bool


class RowSchedule:
    """Every row once an epoch, in an order of its own; rows of similar length share a step, in few
    shapes.

    Args:
        lengths: tokens of each row.
        batch_tokens: token budget of a step, padding counted.
        seed: seed of the order.
    """

    def __init__(self, lengths: npt.NDArray[np.int64], *, batch_tokens: int, seed: int) -> None:
        self.lengths = lengths
        self.batch_tokens = batch_tokens
        self.seed = seed

    def epoch(self, number: int) -> list[BatchPlan]:
        """Return the steps of an epoch, counted from 0, in random order."""
        generator = PRETRAINING_ORDER.generator(self.seed, number)
        order = generator.permutation(len(self.lengths))
        pool = _POOL_STEPS * self.batch_tokens
        tokens = np.cumsum(self.lengths[order])
        steps: list[BatchPlan] = []
        for part in np.split(order, np.searchsorted(tokens, np.arange(pool, tokens[-1], pool))):
            plans = list(cut_rows(self.lengths, part, self.batch_tokens))
            generator.shuffle(plans)
            steps += plans
        return steps

    def steps(self, epochs: float, most: int | None = None) -> int:
        """Return the number of steps of `epochs` passes, at most `most`; a broken epoch counts its
        share."""
        whole, rest = divmod(epochs, 1)
        total = 0
        for number in range(int(whole)):
            total += len(self.epoch(number))
            if most is not None and total >= most:
                return most
        total += max(1, round(rest * len(self.epoch(int(whole))))) if rest else 0
        return total if most is None else min(total, most)

    def from_step(self, step: int) -> Iterator[PlannedStep]:
        """Yield steps without end, the first `step` of them left out."""
        epoch = 0
        while True:
            plans = self.epoch(epoch)
            for number in range(step, len(plans)):
                yield PlannedStep(epoch, plans[number], number + 1 == len(plans))
            step = max(0, step - len(plans))
            epoch += 1


def cut_rows(
    lengths: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], batch_tokens: int
) -> Iterator[BatchPlan]:
    """Cut rows into batches of at most `batch_tokens` tokens, padding counted, longest first."""
    rows = rows[np.argsort(-lengths[rows], kind="stable")]
    start = 0
    while start < len(rows):
        length = round_up(int(lengths[rows[start]]))
        height = max(1, batch_tokens // length)
        yield BatchPlan(rows[start : start + height], length, height)
        start += height
