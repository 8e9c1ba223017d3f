"""Multi-gate mixture of experts: y_t = h_t(Σ_i g_t(x)_i f_i(x)), g_t(x) = softmax(W_t x) (Ma et al.
2018)."""

import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.expert import experts


class Mmoe(nn.Module):
    """Experts of all tasks, mixed by a gate of each task's own.

    Args:
        inputs: `F`.
        width: units of each expert.
        tasks: number of tasks.
        count: number of experts.
    """

    def __init__(self, inputs: int, width: int, tasks: int, count: int) -> None:
        super().__init__()
        self.size = width
        self.experts = experts(count, inputs, width)
        self.gates = nn.ModuleList(nn.Linear(inputs, count, bias=False) for _ in range(tasks))

    def forward(self, features: Tensor, task: int) -> Tensor:
        """Return what the decoder of `task` reads, `[b, size]`, from features `[b, F]`."""
        seen = torch.stack([expert(features) for expert in self.experts], -1)  # [b, width, experts]
        return mix(seen, self.gates[task](features))

    def task_modules(self) -> list[nn.Module]:
        """Return the parts that serve one task only."""
        return [self.gates]


def mix(seen: Tensor, gate: Tensor) -> Tensor:
    """Return the mean `[b, width]` of experts `[b, width, E]` by the softmax of their gate `[b,
    E]`."""
    return (seen @ gate.softmax(-1)[..., None])[..., 0]
