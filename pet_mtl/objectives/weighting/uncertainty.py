"""Uncertainty weighting (Kendall et al. 2018)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pet_mtl.objectives.weighting.task_step import TaskStep

RATE = 0.05  # a change of loss is followed within some dozens of steps
_MOST = math.log(2)  # that s rises in a step
_LEAST = -10.0  # of s: what is learned by heart has a loss of 0, and no end


class Uncertainty:
    """Weights e^-s_t, with the s_t that minimise Σ e^-s_t L_t + s_t / 2 along with the model.

    s_t = log σ_t² starts at 0 and takes a gradient step of its own after each step that has rows of
    the task; for a loss that stands still it ends where e^s = 2 L. No step more than halves a
    weight: where it is large, the gradient e^-s L of a few rows would take s far beyond any loss,
    to a weight of 0 that hundreds of steps do not mend.

    >>> weighting = Uncertainty(["a"], {})
    >>> for _ in range(1000):
    ...     weighting.update({"a": TaskStep(loss=2.0, rows=8)})
    >>> round(weighting.weights()["a"], 6)
    0.25
    """

    wants: ClassVar[Literal["losses"]] = "losses"

    def __init__(self, tasks: Sequence[str], state: dict[str, Any]) -> None:
        self._s: dict[str, float] = state.setdefault("log_variance", dict.fromkeys(tasks, 0.0))

    def begin(self, epoch: int) -> None:
        """Epochs mean nothing here."""

    def weights(self) -> Mapping[str, float]:
        return {task: math.exp(-s) for task, s in self._s.items()}

    def update(self, step: Mapping[str, TaskStep]) -> None:
        for task, did in step.items():
            s = self._s[task]
            rise = min(_MOST, RATE * (math.exp(-s) * did.loss - 0.5))
            self._s[task] = max(_LEAST, s + rise)
