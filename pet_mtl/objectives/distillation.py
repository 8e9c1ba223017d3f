"""Learning from teachers: their label probabilities beside the labels (BAM, Clark et al. 2019), or
without (PET)."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

LabelShare = float | Literal["annealed"]


def teacher_loss(scores: Tensor, probs: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum over rows of the cross-entropy of label scores to a teacher's
    probabilities.

    Its gradient is that of the Kullback-Leibler divergence: the two differ by the teacher's own
    entropy.

    Args:
        scores: `[b, K]` label scores.
        probs: `[b, K]` the teacher's.
        weights: `[b]`.

    >>> import torch
    >>> teacher_loss(torch.zeros(1, 2), torch.tensor([[0.9, 0.1]]), torch.tensor([2.0]))  # 2 log 2
    tensor(1.3863)
    """
    return (weights * F.cross_entropy(scores, probs, reduction="none")).sum()


def disagreement(scores: Tensor, others: Tensor) -> Tensor:
    """Return KL(p‖q) + KL(q‖p) `[b]` of the softmaxes of scores `[b, K]`, = Σ (p - q) (log p - log
    q)."""
    one, other = scores.log_softmax(1), others.log_softmax(1)
    return ((one.exp() - other.exp()) * (one - other)).sum(1)


def label_share(setting: LabelShare, step: int, total: int) -> float:
    """Return λ, the share of the labels in the target λ · labels + (1 - λ) · teacher.

    `annealed` raises it from 0 to 1 over the run: the teacher leads first, the labels have the last
    word.

    >>> [label_share("annealed", step, 4) for step in range(4)], label_share(0.5, 3, 4)
    ([0.0, 0.25, 0.5, 0.75], 0.5)
    """
    return step / total if setting == "annealed" else setting
