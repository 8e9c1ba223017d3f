"""How much each task's loss counts; one file a method.

A step's loss is the mean over its rows of w_task · loss, so with weights of 1 it is the ordinary
one. What a method remembers is plain data, which is stored with the run.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from pet_mtl.objectives.weighting.dtp import DynamicTaskPrioritization
from pet_mtl.objectives.weighting.dwa import DynamicWeightAverage
from pet_mtl.objectives.weighting.fixed import FixedWeights
from pet_mtl.objectives.weighting.gradnorm import GradNorm
from pet_mtl.objectives.weighting.task_step import TaskStep
from pet_mtl.objectives.weighting.uncertainty import Uncertainty
from pet_mtl.suite.settings import WeightingName


class Weighting(Protocol):
    """A method's weights; `wants` is what it must be told after each step."""

    @property
    def wants(self) -> Literal["nothing", "losses", "accuracy", "gradients"]: ...

    def begin(self, epoch: int) -> None:
        """Hear of a step of this epoch before it asks for its weights."""

    def weights(self) -> Mapping[str, float]:
        """Return the weights of the next step by task."""

    def update(self, step: Mapping[str, TaskStep]) -> None:
        """Learn from the step that began; tasks without rows in it are not in `step`."""


def build_weighting(
    setting: WeightingName | Mapping[str, float],
    labels: Mapping[str, int],
    state: dict[str, Any],
    guesses: Mapping[str, float] = {},
) -> Weighting:
    """Return the weighting of a run.

    Args:
        setting: a method, or weights by task; tasks without one have 1.
        labels: number of labels by task.
        state: what the method remembers; empty at the start, changed in place.
        guesses: the loss of a guess by task; log K where none is given.
    """
    if isinstance(setting, Mapping):
        return FixedWeights(
            dict.fromkeys(labels, 1.0) | {name: w for name, w in setting.items() if name in labels}
        )
    if setting == "uncertainty":
        return Uncertainty(list(labels), state)
    if setting == "dwa":
        return DynamicWeightAverage(list(labels), state)
    if setting == "dtp":
        return DynamicTaskPrioritization(labels, state)
    if setting == "gradnorm":
        first = {task: math.log(max(2, count)) for task, count in labels.items()}
        return GradNorm({**first, **guesses}, state)
    return FixedWeights(dict.fromkeys(labels, 1.0))


__all__ = ["TaskStep", "Weighting", "build_weighting"]
