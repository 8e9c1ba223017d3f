"""Sums over the rows of one or several steps."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class StepSums:
    """What is logged of steps, summed over this process's rows.

    Attributes:
        loss: of each task.
        rows: of each task.
        conflicts: share of the pairs of tasks whose gradients conflict, by step.
        right: `[2]` of each task, rows that are decided rightly and rows with a label; where asked
            for.
        terms: `[2]` sum and rows of each loss term.
    """

    loss: dict[str, Tensor] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    conflicts: list[float] = field(default_factory=list)
    right: dict[str, Tensor] = field(default_factory=dict)
    terms: dict[str, Tensor] = field(default_factory=dict)

    def add(self, task: str, loss: Tensor, rows: int) -> None:
        """Add a loss summed over rows."""
        self.loss[task] = self.loss.get(task, torch.zeros_like(loss)) + loss
        self.rows[task] += rows

    def add_right(self, task: str, right: Tensor) -> None:
        """Add a task's rows that are right, and those with a label, `[2]`."""
        self.right[task] = self.right.get(task, torch.zeros_like(right)) + right

    def put_back(self, stored: Mapping[str, list[float]], device: torch.device) -> None:
        """Fill empty sums with what `TrainingSteps.keep` stored of them."""
        for key, sums in stored.items():
            kind, _, name = key.partition(".")
            if kind == "loss":
                self.loss[name] = torch.tensor(sums[0], device=device)
                self.rows[name] = int(sums[1])
            elif kind == "terms":
                self.terms[name] = torch.tensor(sums, device=device)
            else:
                self.conflicts = list(sums)

    def add_terms(self, terms: Mapping[str, Tensor]) -> None:
        """Add each loss term's sum and rows."""
        for name, both in terms.items():
            self.terms[name] = self.terms[name] + both if name in self.terms else both
