"""Which rows each training step sees: a pure function of the seed, so that any step can be gone
back to."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.batch import BatchPlan, cut_batches
from pet_mtl.cloze.encode import Prompts
from pet_mtl.random_streams import EPOCH_ORDER, HYPOTHESES, TASK_ROWS

# steps whose rows are sorted by length together: enough for tight buckets, few enough to stay mixed
_POOL_STEPS = 64


class Schedule:
    """Draw tasks with p ∝ n^temperature and cut the draws into steps.

    An epoch draws as many rows as all tasks have together. Each task gives its rows without
    replacement, in a new order on each pass, and goes on in the next epoch where it stopped. A task
    with several patterns shows a row in another pattern on each pass. Where a row is read once for
    each label, it is shown with its own label's hypothesis and that of one other label, drawn anew
    on each pass (EFL, Wang et al. 2021, with one negative). (Temperature sampling as in BAM, Clark
    et al. 2019.)

    Args:
        prompts: the training prompts of all tasks, in the order that `encode_forms` gives.
        temperature: 1 draws in proportion to the rows, 0 all tasks alike.
        batch_tokens: token budget of a step.
        seed: seed of everything drawn.
    """

    def __init__(
        self, prompts: Prompts, *, temperature: float, batch_tokens: int, seed: int
    ) -> None:
        self.prompts = prompts
        self.batch_tokens = batch_tokens
        self.seed = seed
        self._items: dict[str, npt.NDArray[np.int64]] = {}  # task -> [patterns, rows]
        self._stated: dict[str, npt.NDArray[np.int64]] = {}  # task -> [patterns, labels, rows]
        for task in dict.fromkeys(form.task for form in prompts.forms):
            forms = [number for number, form in enumerate(prompts.forms) if form.task == task]
            items = np.flatnonzero(np.isin(prompts.form, forms))
            if len(items):
                self._items[task] = items.reshape(len(forms), -1)
                stated = [prompts.forms[number].hypothesis for number in forms]
                if stated[0] is not None:
                    labels = len(set(stated))
                    self._stated[task] = items.reshape(len(forms) // labels, labels, -1)
                    self._items[task] = self._stated[task][:, 0]
        sizes = np.array([items.shape[1] for items in self._items.values()], dtype=np.float64)
        share = sizes**temperature / (sizes**temperature).sum()
        draws = np.maximum(np.rint(sizes.sum() * share).astype(int), 1)
        self.draws: dict[str, int] = dict(zip(self._items, draws.tolist(), strict=True))

    def epoch(self, number: int) -> list[BatchPlan]:
        """Return the steps of an epoch, counted from 0, tasks mixed and lengths together, in random
        order."""
        items = np.concatenate(
            [self._draw(index, task, number) for index, task in enumerate(self._items)]
        )
        generator = EPOCH_ORDER.generator(self.seed, number)
        generator.shuffle(items)
        tokens = np.cumsum(self.prompts.lengths[items] * self.prompts.variants[items])
        room = _POOL_STEPS * self.batch_tokens
        pools = np.split(items, np.searchsorted(tokens, np.arange(room, tokens[-1] + 1, room)))
        steps = [
            plan
            for pool in pools
            if len(pool)
            for plan in cut_batches(self.prompts, pool, self.batch_tokens)
        ]
        generator.shuffle(steps)
        return steps

    def _draw(self, index: int, task: str, epoch: int) -> npt.NDArray[np.int64]:
        """Return the prompts that a task gives in an epoch."""
        items, count = self._items[task], self.draws[task]
        patterns, rows = items.shape
        position, end = epoch * count, (epoch + 1) * count
        drawn = []
        while position < end:
            turn, start = divmod(position, rows)
            order = TASK_ROWS.generator(self.seed, index, turn).permutation(rows)[
                start : start + end - position
            ]
            pattern = (turn + order) % patterns
            if task in self._stated:
                drawn += self._hypotheses(index, task, turn, pattern, order)
            else:
                drawn.append(items[pattern, order])
            position += len(order)
        return np.concatenate(drawn)

    def _hypotheses(
        self,
        index: int,
        task: str,
        turn: int,
        pattern: npt.NDArray[np.int64],
        rows: npt.NDArray[np.int64],
    ) -> list[npt.NDArray[np.int64]]:
        """Return the prompts of some rows' own labels, and those of one other label each; of rows
        without a label, two labels that are drawn."""
        stated = self._stated[task]
        _, labels, count = stated.shape
        generator = HYPOTHESES.generator(self.seed, index, turn)
        one = generator.integers(0, labels, size=(count,))[rows]
        other = generator.integers(1, labels, size=(count,))[rows]
        true = self.prompts.label[stated[0]][:, rows] == 0  # [labels, rows]
        own = np.where(true.any(0), true.argmax(0), one)
        return [stated[pattern, label, rows] for label in (own, (own + other) % labels)]

    def ends(self, epochs: float, most: int | None = None) -> list[int]:
        """Return the steps done after each epoch, up to `epochs` (a broken one counts its share) or
        `most` steps."""
        whole, rest = divmod(epochs, 1)
        ends: list[int] = []
        for number in range(int(whole) + bool(rest)):
            if most is not None and ends and ends[-1] >= most:
                break
            steps = len(self.epoch(number))
            steps = steps if number < whole else max(1, round(rest * steps))
            ends.append((ends[-1] if ends else 0) + steps)
        return [end if most is None else min(end, most) for end in ends]

    def from_step(self, step: int) -> Iterator[tuple[int, BatchPlan]]:
        """Yield `(epoch, step plan)` without end, the first `step` steps left out."""
        epoch = 0
        while True:
            plans = self.epoch(epoch)
            for plan in plans[step:]:
                yield epoch, plan
            step = max(0, step - len(plans))
            epoch += 1


def drawn_label_counts(prompts: Prompts) -> list[npt.NDArray[np.int64 | np.float64]]:
    """Return for each form `[K]` the training rows of each label; rows without one do not count.

    Of a hypothesis, what `Schedule` draws of the stored prompts: beside that of a row's own label
    only one of the `K - 1` others.
    """
    counts: list[npt.NDArray[np.int64 | np.float64]] = []
    for number, form in enumerate(prompts.forms):
        labels = prompts.label[prompts.form == number]
        stored = np.bincount(labels[labels >= 0], minlength=form.outcomes).astype(np.int64)
        if form.hypothesis is None:
            counts.append(stored)
        else:
            counts.append(stored / [1, max(1, len(form.kind.labels) - 1)])  # yes and no
    return counts


def split_step(plan: BatchPlan, parts: int) -> list[BatchPlan]:
    """Cut a step into at most `parts` pieces of about equal size, for accumulation or several
    processes.

    Together the pieces hold the step's items, each once; a step of fewer items than parts gives
    fewer pieces.
    """
    if parts == 1:
        return [plan]
    rows = -(-plan.rows // parts)
    return [
        replace(plan, items=plan.items[part::parts], rows=rows)
        for part in range(min(parts, len(plan.items)))
    ]


def split_by_group(plan: BatchPlan, groups: npt.NDArray[np.integer]) -> dict[int, BatchPlan]:
    """Cut a step into one piece for each group of its items.

    Args:
        groups: group of each of the step's items.
    """
    return {
        int(group): replace(plan, items=plan.items[groups == group]) for group in np.unique(groups)
    }
