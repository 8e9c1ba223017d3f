"""R-Drop: two passes over a row, each with its own dropout, must say the same (Liang et al.
2021)."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from pet_mtl.objectives.distillation import disagreement
from pet_mtl.objectives.terms.term import Disagreement, Facts, TaskScores, Want
from pet_mtl.suite.losses import RDropSettings


class RDrop:
    """α · ½ (KL(p₁‖p₂) + KL(p₂‖p₁)) beside the mean of both passes' losses; without dropout it is
    0.

    Args:
        alpha: α.
        disagreements: for each form what the kind of its task takes for KL(p‖q) + KL(q‖p); none:
            that of softmaxes.

    >>> import torch
    >>> rows = TaskScores(0, torch.tensor([0]), torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0,
    ...     0.0]]))
    >>> RDrop(1.0).losses(rows)
    tensor([0.4621])
    """

    wants: ClassVar[frozenset[Want]] = frozenset({"second_pass", "unlabelled"})

    def __init__(self, alpha: float, disagreements: Sequence[Disagreement] = ()) -> None:
        self._alpha, self._disagreements = alpha, disagreements

    def losses(self, rows: TaskScores) -> Tensor:
        assert rows.second is not None
        of_kind = self._disagreements[rows.form] if self._disagreements else disagreement
        return self._alpha / 2 * of_kind(rows.scores, rows.second)


def build(settings: RDropSettings, facts: Facts) -> RDrop | None:
    """Return the term, None where it changes nothing."""
    return RDrop(settings.alpha, facts.disagreements) if settings.alpha else None
