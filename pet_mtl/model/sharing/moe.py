"""Mixture of experts with one gate: y_t = h_t(Σ_i g(x)_i f_i(x)), g(x) = softmax(W x) (Jacobs et
al. 1991; the one-gate model that Ma et al. 2018 compare MMoE with)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.expert import experts, mix
from pet_mtl.model.sharing.routes import Routes, gate_routes, numbered


class Moe(nn.Module):
    """Experts of all tasks, mixed by one gate: tasks differ only in what their rows make of it.

    Args:
        inputs: `F`.
        width: units of each expert.
        count: number of experts.
    """

    def __init__(self, inputs: int, width: int, count: int) -> None:
        super().__init__()
        self.size = width
        self.experts = experts(count, inputs, width)
        self.gate = nn.Linear(inputs, count, bias=False)

    def forward(self, features: Tensor, task: int) -> Tensor:
        """Return what the decoder of `task` reads, `[b, size]`, from features `[b, F]`."""
        seen = torch.stack([expert(features) for expert in self.experts], -1)  # [b, width, experts]
        return mix(seen, self.gate(features))

    def task_modules(self) -> list[nn.Module]:
        """Return the parts that serve one task only."""
        return []

    def routes(self, features: Mapping[int, Tensor], names: Sequence[str]) -> list[Routes]:
        """Return how much rows of each task take of each expert, from features `[b, F]` by task."""
        gates = {task: self.gate(of_task) for task, of_task in features.items()}
        return [gate_routes(gates, names, numbered("expert", len(self.experts)))]
