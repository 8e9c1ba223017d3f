"""Multi-gate mixture of experts: y_t = h_t(Σ_i g_t(x)_i f_i(x)), g_t(x) = softmax(W_t x) (Ma et al.
2018)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.expert import experts, mix
from pet_mtl.model.sharing.routes import Routes, gate_routes, numbered


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

    def routes(self, features: Mapping[int, Tensor], names: Sequence[str]) -> list[Routes]:
        """Return how much rows of each task take of each expert, from features `[b, F]` by task."""
        gates = {task: self.gates[task](of_task) for task, of_task in features.items()}
        return [gate_routes(gates, names, numbered("expert", len(self.experts)))]
