"""An adversarial task: a discriminator tells the tasks apart by the states at the slots, and the
model learns against it (Ganin et al. 2016; for texts of several tasks Liu et al. 2017)."""

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.objectives.terms.term import Facts, Piece, PieceTerm, Want
from pet_mtl.suite.losses import TaskDiscriminatorSettings


class TaskDiscriminator(nn.Module, PieceTerm):
    """The cross-entropy of a row's task, whose gradient is turned round on its way into the model.

    Args:
        weight: λ that the turned gradient is multiplied by; with `rises` it grows from 0 to λ as
            λ (2 / (1 + e^-10p) - 1), p being the share of the run that is done.
        tasks: for each form its task.
        size: `H`.
        width: hidden units.
    """

    wants: ClassVar[frozenset[Want]] = frozenset({"slots", "unlabelled"})

    def __init__(
        self,
        weight: float,
        tasks: list[str],
        size: int,
        width: int,
        learning_rate: float,
        *,
        rises: bool = True,
    ) -> None:
        super().__init__()
        self._weight, self._rises, self.learning_rate = weight, rises, learning_rate
        names = list(dict.fromkeys(tasks))
        self._task_of_form = [names.index(task) for task in tasks]
        self.layers = nn.Sequential(nn.Linear(size, width), nn.ReLU(), nn.Linear(width, len(names)))

    def read(self, piece: Piece) -> Tensor:
        """Return what the discriminator reads of each item, `[B, size]`."""
        return piece.by_item([rows.state for rows in piece.rows])

    def piece_losses(self, piece: Piece) -> Tensor:
        strength = self._weight * (rise(piece.progress) if self._rises else 1.0)
        states = self.read(piece)
        logits = self.layers(reversed_gradient(states, strength))
        tasks = [torch.full_like(rows.labels, self._task_of_form[rows.form]) for rows in piece.rows]
        return F.cross_entropy(logits, piece.by_item(tasks), reduction="none")


def rise(progress: float) -> float:
    """Return how far the reversal has risen: from 0 to nearly 1.

    >>> [round(rise(p), 3) for p in (0, 0.1, 0.5, 1)]
    [0.0, 0.462, 0.987, 1.0]
    """
    return 2 / (1 + math.exp(-10 * progress)) - 1


def reversed_gradient(states: Tensor, strength: float) -> Tensor:
    """Return `states` as they are; their gradient is multiplied by -`strength`."""
    return _Reversed.apply(states, strength)  # type: ignore[no-untyped-call,no-any-return]


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return states.view_as(states)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None


def build(settings: TaskDiscriminatorSettings, facts: Facts) -> TaskDiscriminator | None:
    """Return the term, None where it changes nothing: one task is told from no other."""
    if not settings.weight or len(set(facts.tasks)) < 2:
        return None
    return TaskDiscriminator(
        settings.weight,
        list(facts.tasks),
        facts.size,
        settings.width,
        settings.learning_rate,
        rises=settings.rises,
    )
