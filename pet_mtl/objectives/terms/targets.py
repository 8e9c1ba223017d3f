"""Predictions at the places of altered prompts, gathered by the items that they belong to."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pet_mtl.objectives.altered import Altered
from pet_mtl.objectives.terms.term import Reader


def target_log_probs(read: Reader, altered: Altered) -> Tensor:
    """Return the log-probability of each target over the whole vocabulary, `[T]`; those of repeats
    mean nothing."""
    states = read.states(altered.batch).flatten(0, 1)[altered.at]
    return -F.cross_entropy(read.logits(states), altered.targets.clamp(min=0), reduction="none")


def sum_by_item(values: Tensor, altered: Altered) -> Tensor:
    """Return the sum over each item's targets of `[T, ...]` values, `[B, ...]`."""
    real = (altered.targets >= 0).view(-1, *[1] * (values.dim() - 1))
    sums = values.new_zeros(len(altered.batch.items), *values.shape[1:])
    return sums.index_add(0, altered.owner, torch.where(real, values, 0.0))


def mean_by_item(values: Tensor, altered: Altered) -> Tensor:
    """Return the mean over each item's targets of `[T, ...]` values, `[B, ...]`; 0 where there are
    none."""
    counts = sum_by_item(torch.ones_like(values), altered)
    return sum_by_item(values, altered) / counts.clamp(min=1)
