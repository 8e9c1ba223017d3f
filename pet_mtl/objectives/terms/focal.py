"""Focal loss: -(1 - p)^γ log p (Lin et al. 2017), without the α for two classes, which
`class_weights` is for many."""

from typing import ClassVar

import torch
from torch import Tensor

from pet_mtl.objectives.terms.term import Facts, TaskScores, Want, log_wrong
from pet_mtl.suite.losses import FocalSettings


class Focal:
    """The factor (1 - p)^γ, through which the gradient goes too.

    Args:
        gamma: γ, how fast a row's weight falls with its probability p.

    >>> rows = TaskScores(0, torch.tensor([0]), torch.tensor([[0.0, 0.0]]))
    >>> Focal(2.0).factors(rows)  # (1 - 1/2)²
    tensor([0.2500])
    """

    wants: ClassVar[frozenset[Want]] = frozenset()

    def __init__(self, gamma: float) -> None:
        self._gamma = gamma

    def factors(self, rows: TaskScores) -> Tensor:
        return torch.exp(self._gamma * log_wrong(rows.scores, rows.labels))


def build(settings: FocalSettings, facts: Facts) -> Focal | None:
    """Return the term, None where it changes nothing."""
    return Focal(settings.gamma) if settings.gamma else None
