"""Dynamic weight average (Liu et al. 2019)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pet_mtl.objectives.weighting.task_step import TaskStep

TEMPERATURE = 2.0


class DynamicWeightAverage:
    """Weights T softmax(r / 2) with r_t = L_t(e - 1) / L_t(e - 2), the mean losses of the last two
    epochs, for T tasks.

    A task whose loss falls slower than the others' counts more. The first two epochs have weights
    of 1; those of a later epoch hold from its first step to its last.

    >>> weighting = DynamicWeightAverage(["a", "b"], {})
    >>> for epoch, (a, b) in enumerate([(2.0, 2.0), (1.0, 2.0)]):
    ...     weighting.begin(epoch)
    ...     weighting.update({"a": TaskStep(a, 8), "b": TaskStep(b, 8)})
    >>> weighting.begin(epoch=2)
    >>> {task: round(weight, 3) for task, weight in weighting.weights().items()}
    {'a': 0.876, 'b': 1.124}
    """

    wants: ClassVar[Literal["losses"]] = "losses"

    def __init__(self, tasks: Sequence[str], state: dict[str, Any]) -> None:
        self._tasks = tasks
        self._state = state
        state.setdefault("epoch", 0)
        state.setdefault("sums", {})  # of the epoch that runs: task -> [loss, rows]
        state.setdefault("means", {})  # of the last two whole epochs: task -> [L(e - 2), L(e - 1)]

    def begin(self, epoch: int) -> None:
        state = self._state
        if epoch == state["epoch"]:
            return
        for task, (loss, rows) in state["sums"].items():
            state["means"][task] = [*state["means"].get(task, []), loss / rows][-2:]
        state["epoch"], state["sums"] = epoch, {}

    def weights(self) -> Mapping[str, float]:
        means: dict[str, list[float]] = self._state["means"]
        if any(len(means.get(task, ())) < 2 for task in self._tasks):
            return dict.fromkeys(self._tasks, 1.0)
        ratios = {
            task: means[task][1] / max(means[task][0], 1e-12) / TEMPERATURE for task in self._tasks
        }
        most = max(ratios.values())  # of rows learned by heart and then one spike it is huge
        powers = {task: math.exp(ratio - most) for task, ratio in ratios.items()}
        return {task: len(powers) * power / sum(powers.values()) for task, power in powers.items()}

    def update(self, step: Mapping[str, TaskStep]) -> None:
        sums = self._state["sums"]
        for task, did in step.items():
            loss, rows = sums.get(task, (0.0, 0))
            sums[task] = [loss + did.loss * did.rows, rows + did.rows]
