"""Shared and private parts: a task reads `[shared(x); private_t(x)]`.

The architecture of Liu et al. 2017. What keeps the parts apart in their paper, a discriminator of
the tasks that the shared part learns against and the orthogonality of the two, are loss terms:
`objectives/terms/shared_private.py`.
"""

import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.expert import expert, experts


class SharedPrivate(nn.Module):
    """One expert of all tasks beside one of each task's own.

    Args:
        inputs: `F`.
        width: units of each expert.
        tasks: number of tasks.
    """

    def __init__(self, inputs: int, width: int, tasks: int) -> None:
        super().__init__()
        self.size = 2 * width
        self.shared = expert(inputs, width)
        self.private = experts(tasks, inputs, width)

    def forward(self, features: Tensor, task: int) -> Tensor:
        """Return what the decoder of `task` reads, `[b, size]`, from features `[b, F]`."""
        return torch.cat([self.shared(features), self.private[task](features)], -1)

    def task_modules(self) -> list[nn.Module]:
        """Return the parts that serve one task only."""
        return [self.private]
