"""GradNorm (Chen et al. 2018)."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pet_mtl.objectives.weighting.task_step import TaskStep

ALPHA = 1.5  # how strongly tasks that learn slowly are favoured
RATE = 0.025
_LEAST = 0.01


class GradNorm:
    """Weights that bring the tasks' gradient norms G_t to Ḡ r_t^α, r_t being how little a task has
    learned so far.

    r_t is the loss over that of a guess, log K_t among K_t labels (the paper's stand-in for the
    first loss), divided by the mean over the tasks. After each step with rows of every task,
    each weight takes a step down the gradient of Σ |G_t - Ḡ r_t^α|, the target held still; norms
    count relative to their mean, so that a model's scale changes nothing. The weights' mean stays
    1. The norms are those of all parameters.

    Args:
        guesses: the loss of a guess by task.
    """

    wants: ClassVar[Literal["gradients"]] = "gradients"

    def __init__(self, guesses: Mapping[str, float], state: dict[str, Any]) -> None:
        self._first = guesses
        self._weights: dict[str, float] = state.setdefault("weights", dict.fromkeys(guesses, 1.0))

    def begin(self, epoch: int) -> None:
        """Epochs mean nothing here."""

    def weights(self) -> Mapping[str, float]:
        return dict(self._weights)

    def update(self, step: Mapping[str, TaskStep]) -> None:
        norms = {task: did.norm for task, did in step.items() if did.norm is not None}
        count = len(self._first)
        if len(norms) < count or not sum(norms.values()):
            return
        mean = sum(norms.values()) / count
        left = {task: step[task].loss / first for task, first in self._first.items()}
        mean_left = max(sum(left.values()) / count, 1e-12)
        # of the loss without its weight
        bare = {task: norm / self._weights[task] for task, norm in norms.items()}
        mean_bare = sum(bare.values()) / count
        for task, norm in norms.items():
            gap = norm - mean * (left[task] / mean_left) ** ALPHA
            self._weights[task] -= RATE * math.copysign(bare[task] / mean_bare, gap) if gap else 0.0
            self._weights[task] = max(_LEAST, self._weights[task])
        total = sum(self._weights.values())
        for task in self._weights:
            self._weights[task] *= count / total
