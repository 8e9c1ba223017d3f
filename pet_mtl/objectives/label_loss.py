"""Cross-entropy over the labels of a task."""

import torch.nn.functional as F
from torch import Tensor


def label_loss(scores: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the summed cross-entropy of label scores; the caller divides by the rows of the whole
    step.

    Args:
        scores: `[b, K]` label scores.
        labels: `[b]` label indices; rows without a label, -1, cost nothing.
        smoothing: share of the target that all `K` labels get alike (Szegedy et al. 2016).

    >>> import torch
    >>> label_loss(torch.zeros(2, 4), torch.tensor([0, 3])) / 2  # log 4
    tensor(1.3863)
    """
    return F.cross_entropy(
        scores, labels, ignore_index=-1, reduction="sum", label_smoothing=smoothing
    )


def label_losses(scores: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the terms `[b]` of the sum that `label_loss` is, 0 for rows without a label."""
    return F.cross_entropy(
        scores, labels, ignore_index=-1, reduction="none", label_smoothing=smoothing
    )
