"""Dynamic task prioritization (Guo et al. 2018)."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pet_mtl.objectives.weighting.task_step import TaskStep

GAMMA = 1.0
RATE = 0.1  # how fast κ follows a step's share of right rows
_LEAST, _MOST = 0.01, 0.99


class DynamicTaskPrioritization:
    """Weights -(1 - κ_t)^γ log κ_t, κ_t being how much of a task is right: hard tasks first.

    κ_t is the running mean of the shares of a step's training rows that the model decides rightly,
    κ ← (1 - α) κ + α share, from 1 / K of a guess among K labels on. It is kept within 0.01 and
    0.99, so that no task is left for good.

    Args:
        labels: K by task.

    >>> weighting = DynamicTaskPrioritization({"a": 2}, {})
    >>> round(weighting.weights()["a"], 4)  # -(1 / 2) log (1 / 2)
    0.3466
    """

    wants: ClassVar[Literal["accuracy"]] = "accuracy"

    def __init__(self, labels: Mapping[str, int], state: dict[str, Any]) -> None:
        guesses = {task: 1 / max(2, count) for task, count in labels.items()}
        self._right: dict[str, float] = state.setdefault("right", guesses)

    def begin(self, epoch: int) -> None:
        """Epochs mean nothing here."""

    def weights(self) -> Mapping[str, float]:
        return {task: -((1 - right) ** GAMMA) * math.log(right) for task, right in self._kept()}

    def _kept(self) -> list[tuple[str, float]]:
        return [(task, min(max(right, _LEAST), _MOST)) for task, right in self._right.items()]

    def update(self, step: Mapping[str, TaskStep]) -> None:
        for task, did in step.items():
            if did.right is not None:
                self._right[task] += RATE * (did.right - self._right[task])
