"""What keeps shared and private parts apart: a task discriminator on the shared part, learned
against, and orthogonality of the two (Liu et al. 2017; rows of length 1 as in Bousmalis et al.
2016)."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pet_mtl.objectives.terms.task_discriminator import TaskDiscriminator
from pet_mtl.objectives.terms.term import Piece, PieceTerm, StepTerm, Want

Part = Callable[[Tensor], Tensor]
WIDTH = 128


class SharedAdversary(TaskDiscriminator):
    """The task discriminator, reading what the shared part makes of a row's features.

    Args:
        shared: from features `[b, F]` to `[b, size]`.
    """

    def __init__(
        self, weight: float, tasks: Sequence[str], shared: Part, size: int, learning_rate: float
    ) -> None:
        super().__init__(weight, list(tasks), size, WIDTH, learning_rate, rises=False)
        self._shared = (shared,)  # in a tuple: its parameters are the model's

    def read(self, piece: Piece) -> Tensor:
        (shared,) = self._shared
        return shared(super().read(piece))


class Orthogonality(StepTerm):
    """γ Σ_t ‖S_tᵀ P_t‖²_F over the rows of a step, S and P being what shared and private part make
    of them.

    A row's share is γ sᵀ (S_tᵀ P_t) p. Vectors have length 1 each, so that width and scale of the
    parts do not matter.

    Args:
        weight: γ.
        tasks: for each form its task.
        private: that of each task.
    """

    wants: ClassVar[frozenset[Want]] = frozenset({"slots", "step", "unlabelled"})

    def __init__(
        self, weight: float, tasks: Sequence[str], shared: Part, private: Sequence[Part]
    ) -> None:
        self._weight, self._shared, self._private = weight, shared, private
        names = list(dict.fromkeys(tasks))
        self._task_of_form = [names.index(task) for task in tasks]

    def members(self, piece: Piece) -> tuple[Tensor, Tensor]:
        both, tasks = [], []
        for rows in piece.rows:
            task = self._task_of_form[rows.form]
            both.append(torch.cat([self._shared(rows.state), self._private[task](rows.state)], 1))
            tasks.append(torch.full_like(rows.labels, task))
        return piece.by_item(both), piece.by_item(tasks)

    def step_losses(self, states: Tensor, classes: Tensor) -> Tensor:
        shared, private = (F.normalize(part, dim=1) for part in states.chunk(2, 1))
        together = (classes[:, None] == classes[None]) & (classes >= 0)[None]
        products = (shared @ shared.T) * (private @ private.T)
        return self._weight * (products * together).sum(1)


def build_sharing_terms(
    tasks: Sequence[str],
    shared: Part,
    private: Sequence[Part],
    size: int,
    *,
    adversarial: float,
    orthogonality: float,
    learning_rate: float,
) -> dict[str, PieceTerm]:
    """Return the terms of shared and private parts by name, those of weight 0 left out.

    Args:
        size: of what the shared part gives.
        adversarial: λ of the turned gradient.
        orthogonality: γ.
        learning_rate: of the discriminator.
    """
    terms: dict[str, PieceTerm] = {}
    if adversarial and len(set(tasks)) > 1:
        terms["adversary"] = SharedAdversary(adversarial, tasks, shared, size, learning_rate)
    if orthogonality:
        terms["orthogonality"] = Orthogonality(orthogonality, tasks, shared, private)
    return terms
