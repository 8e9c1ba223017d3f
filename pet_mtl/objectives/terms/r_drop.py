"""R-Drop: two passes over a row, each with its own dropout, must say the same (Liang et al.
2021)."""

from typing import ClassVar

from torch import Tensor

from pet_mtl.objectives.terms.term import Facts, TaskScores, Want
from pet_mtl.suite.losses import RDropSettings


class RDrop:
    """α · ½ (KL(p₁‖p₂) + KL(p₂‖p₁)) beside the mean of both passes' losses; without dropout it is
    0.

    Args:
        alpha: α.

    >>> import torch
    >>> rows = TaskScores(0, torch.tensor([0]), torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0,
    ...     0.0]]))
    >>> RDrop(1.0).losses(rows)
    tensor([0.4621])
    """

    wants: ClassVar[frozenset[Want]] = frozenset({"second_pass", "unlabelled"})

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def losses(self, rows: TaskScores) -> Tensor:
        assert rows.second is not None
        one, other = rows.scores.log_softmax(1), rows.second.log_softmax(1)
        # KL(p‖q) + KL(q‖p) = Σ (p - q) (log p - log q)
        return self._alpha / 2 * ((one.exp() - other.exp()) * (one - other)).sum(1)


def build(settings: RDropSettings, facts: Facts) -> RDrop | None:
    """Return the term, None where it changes nothing."""
    return RDrop(settings.alpha) if settings.alpha else None
