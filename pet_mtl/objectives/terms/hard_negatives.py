"""Hard rows first: what is right already counts less (focal loss with its factor held still)."""

from typing import ClassVar

import torch
from torch import Tensor

from pet_mtl.objectives.terms.term import Facts, TaskScores, Want, log_wrong
from pet_mtl.suite.losses import HardNegativesSettings


class HardNegatives:
    """The factor (1 - p)^γ as a number: the direction of each row's gradient stays that of
    cross-entropy.

    Args:
        gamma: γ, how fast a row's weight falls with its probability p.

    >>> rows = TaskScores(0, torch.tensor([0]), torch.tensor([[0.0, 0.0]], requires_grad=True))
    >>> HardNegatives(1.0).factors(rows)
    tensor([0.5000])
    """

    wants: ClassVar[frozenset[Want]] = frozenset()

    def __init__(self, gamma: float) -> None:
        self._gamma = gamma

    def factors(self, rows: TaskScores) -> Tensor:
        return torch.exp(self._gamma * log_wrong(rows.scores.detach(), rows.labels))


def build(settings: HardNegativesSettings, facts: Facts) -> HardNegatives | None:
    """Return the term, None where it changes nothing."""
    return HardNegatives(settings.gamma) if settings.gamma else None
