"""What a loss term is given, and what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Want = Literal["second_pass", "unlabelled"]
Counts = Sequence[npt.NDArray[np.int64]]


@dataclass(frozen=True)
class TaskScores:
    """The rows of one form in a piece of a step.

    Attributes:
        form: its number.
        labels: `[b]` label indices, -1 without one.
        scores: `[b, K]` label scores, with their logit adjustment.
        second: `[b, K]` those of the second pass, for terms that want it.
    """

    form: int
    labels: Tensor
    scores: Tensor
    second: Tensor | None = None

    @property
    def labelled(self) -> Tensor:
        """Return `[b]` which rows have a label."""
        return self.labels >= 0


class Factor(Protocol):
    """A term that says how much each row's label loss counts.

    Attributes:
        wants: `second_pass`: each piece is computed twice, the label losses are the means of both.
    """

    wants: ClassVar[frozenset[Want]]

    def factors(self, rows: TaskScores) -> Tensor:
        """Return `[b]` factors; those of rows without a label do not count."""


class Addend(Protocol):
    """A term that adds a loss of its own to each row's.

    Attributes:
        wants: see `Factor`; `unlabelled`: rows without a label have this loss too.
    """

    wants: ClassVar[frozenset[Want]]

    def losses(self, rows: TaskScores) -> Tensor:
        """Return `[b]` losses."""


Term = Factor | Addend


def log_wrong(scores: Tensor, labels: Tensor) -> Tensor:
    """Return log(1 - p) `[b]` of the labels' probabilities p.

    Over the other labels, not by 1 - p: where p is near 1 that is 0 in fp32, and (1 - p)^γ would
    have no gradient or none that is a number.

    Args:
        scores: `[b, K]`.
        labels: `[b]`; negative ones count as 0.
    """
    own = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, labels.clamp(min=0)[:, None], True)
    others = scores.masked_fill(own, torch.finfo(scores.dtype).min)
    return others.logsumexp(1) - scores.logsumexp(1)
