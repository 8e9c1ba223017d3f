"""Supervised contrastive learning on the states at the slots (Khosla et al. 2020; Gunel et al.
2021)."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pet_mtl.objectives.terms.term import Facts, Piece, StepTerm, Want
from pet_mtl.suite.losses import ContrastiveSettings

_LABELS = 1 << 20  # more than any task has


class Contrastive(StepTerm):
    """(1 - λ) · label loss + λ · the mean over a row's positives p of -log softmax(z · z_a / τ)_p.

    z are the rows' states at their slots, of length 1. A row is told apart from all other labelled
    rows a of its task in the step; its positives are those with its label, and one without any
    costs nothing. The tasks are kept apart: their prompts differ anyway.

    Args:
        weight: λ.
        temperature: τ.
        tasks: for each form its task.
    """

    wants: ClassVar[frozenset[Want]] = frozenset({"slots", "step"})

    def __init__(self, weight: float, temperature: float, tasks: list[str]) -> None:
        self.label_share = 1 - weight
        self._weight, self._temperature = weight, temperature
        names = list(dict.fromkeys(tasks))
        self._task_of_form = [names.index(task) for task in tasks]

    def members(self, piece: Piece) -> tuple[Tensor, Tensor]:
        classes = [
            torch.where(rows.labelled, self._task_of_form[rows.form] * _LABELS + rows.labels, -1)
            for rows in piece.rows
        ]
        return piece.by_item([rows.state for rows in piece.rows]), piece.by_item(classes)

    def step_losses(self, states: Tensor, classes: Tensor) -> Tensor:
        z = F.normalize(states, dim=1)
        tasks = torch.div(classes, _LABELS, rounding_mode="floor")
        apart = ~torch.eye(len(z), dtype=torch.bool, device=z.device)
        apart = apart & (classes >= 0)[:, None] & (classes >= 0)[None]
        others = apart & (tasks[:, None] == tasks[None])
        alike = apart & (classes[:, None] == classes[None])
        scores = (z @ z.T / self._temperature).masked_fill(~others, torch.finfo(z.dtype).min)
        log_share = scores - scores.logsumexp(1, keepdim=True)
        wanted = torch.where(alike, log_share, 0.0).sum(1)
        return -self._weight * wanted / alike.sum(1).clamp(min=1)


def build(settings: ContrastiveSettings, facts: Facts) -> Contrastive | None:
    """Return the term, None where it changes nothing."""
    if not settings.weight:
        return None
    return Contrastive(settings.weight, settings.temperature, list(facts.tasks))
