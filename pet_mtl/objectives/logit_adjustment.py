"""Logit adjustment: labels with many rows get no lead from their number."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.sampling import drawn_label_counts


def logit_adjustment(labels: npt.NDArray[np.integer], num_labels: int, strength: float) -> Tensor:
    """Return what is added to a task's label scores while training, and only then (Menon et al.
    2021).

    What the labels' frequencies explain is thus explained, and the scores learn the rest: with
    strength 1 those of equally frequent labels, which is best for the mean recall; macro-F1 is
    often best between 0 and 1.

    Args:
        labels: label indices of the training rows; negative ones are unknown and do not count.
        num_labels: `K`; a label without rows counts as one row.
        strength: τ; 0 changes nothing.

    Returns:
        `[K]` τ log π with the labels' shares π of the rows.

    >>> logit_adjustment(np.array([0, 0, 0, 1]), 2, 1.0).exp()
    tensor([0.7500, 0.2500])
    """
    return _of_counts(np.bincount(labels[labels >= 0], minlength=num_labels), strength)


def _of_counts(counts: npt.NDArray[np.int64 | np.float64], strength: float) -> Tensor:
    counts = counts.clip(min=1)
    return torch.from_numpy(strength * np.log(counts / counts.sum())).float()


def adjustments(prompts: Prompts, strength: float, device: torch.device) -> list[Tensor]:
    """Return the `logit_adjustment` of each form of a prompt store, by the rows that training draws
    of it; 0 where rows have not one of the labels."""
    return [
        (
            _of_counts(counts, strength)
            if form.kind.facts.target == "label"  # labels of a set have no share of the rows
            else torch.zeros(form.outcomes)
        ).to(device)
        for form, counts in zip(prompts.forms, drawn_label_counts(prompts), strict=True)
    ]
