"""Soft sharing: parameters of each task's own, tied by λ Σ_{s<t} ‖θ_t - θ_s‖² (Duong et al. 2015)."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def pair_penalty(copies: Iterable[nn.Module]) -> Tensor:
    """Return Σ_{s<t} ‖θ_t - θ_s‖² over modules of one shape."""
    total = torch.zeros(())
    for parameters in zip(*(copy.parameters() for copy in copies), strict=True):
        stacked = torch.stack([parameter.flatten() for parameter in parameters])  # [T, size]
        # Σ over the pairs is T times the squared distance from the mean
        total = total.to(stacked.device) + len(parameters) * (stacked - stacked.mean(0)).square().sum()
    return total


@torch.no_grad()
def add_penalty_gradient(copies: Iterable[nn.Module], strength: float) -> None:
    """Add the gradient of `strength * pair_penalty(copies)`, which is 2 λ T (θ_t - mean of all θ)."""
    for parameters in zip(*(copy.parameters() for copy in copies), strict=True):
        mean = torch.stack(list(parameters)).mean(0)
        for parameter in parameters:
            pull = 2 * strength * len(parameters) * (parameter - mean)
            parameter.grad = pull if parameter.grad is None else parameter.grad + pull
