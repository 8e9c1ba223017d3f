"""Sums over the rows of one or several steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class StepSums:
    """What is logged of steps, summed over this process's rows: `[2]`, a sum and its rows, by name.

    Attributes:
        loss: of each task.
        right: of each task, rows that are decided rightly and rows with a label; where asked for.
        terms: of each loss term.
        conflicts: share of the pairs of tasks whose gradients conflict, by step.
    """

    loss: dict[str, Tensor] = field(default_factory=dict)
    right: dict[str, Tensor] = field(default_factory=dict)
    terms: dict[str, Tensor] = field(default_factory=dict)
    conflicts: list[float] = field(default_factory=list)

    def add(self, other: "StepSums") -> None:
        """Add what other rows have."""
        for own, its in (
            (self.loss, other.loss),
            (self.right, other.right),
            (self.terms, other.terms),
        ):
            for name, both in its.items():
                own[name] = own[name] + both if name in own else both
        self.conflicts += other.conflicts

    def put_back(self, stored: Mapping[str, list[float]], device: torch.device) -> None:
        """Fill empty sums with what `TrainingSteps.keep` stored of them."""
        for key, sums in stored.items():
            kind, _, name = key.partition(".")
            if kind in ("loss", "terms"):
                getattr(self, kind)[name] = torch.tensor(sums, device=device)
            else:
                self.conflicts = list(sums)
