"""Class weights: a row counts by how rare its label is."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pet_mtl.objectives.terms.term import Counts, Facts, TaskScores, Want
from pet_mtl.suite.losses import ClassWeightsSettings


class ClassWeights:
    """Weights ∝ n^-β of the labels of a task, n being a label's training rows; their mean over the
    task's training rows is 1, so that a task counts beside others as much as without them. β = 1
    is what scikit-learn calls balanced.

    Args:
        beta: β.
        counts: for each form `[K]` rows of its labels; a label without rows counts as one row.

    >>> rows = TaskScores(0, torch.tensor([0, 1]), torch.zeros(2, 2))
    >>> ClassWeights(1.0, [np.array([30, 10])]).factors(rows)
    tensor([0.6667, 2.0000])
    """

    wants: ClassVar[frozenset[Want]] = frozenset()

    def __init__(self, beta: float, counts: Counts) -> None:
        self._weights = []
        for rows in counts:
            powers = rows.clip(min=1).astype(np.float64) ** -beta
            mean = (rows * powers).sum() / max(1, rows.sum())
            self._weights.append(torch.from_numpy(powers / (mean or 1.0)).float())

    def factors(self, rows: TaskScores) -> Tensor:
        weights = self._weights[rows.form] = self._weights[rows.form].to(rows.labels.device)
        return weights[rows.labels.clamp(min=0)]


def build(settings: ClassWeightsSettings, facts: Facts) -> ClassWeights | None:
    """Return the term, None where it changes nothing."""
    return ClassWeights(settings.beta, facts.counts) if settings.beta else None
