"""Soft sharing: parameters of each task's own, tied by λ Σ_{s<t} ‖θ_t - θ_s‖² (Duong et al.
2015)."""

from collections.abc import Iterable

import torch
from torch import nn


@torch.no_grad()
def add_penalty_gradient(copies: Iterable[nn.Module], strength: float) -> None:
    """Add the penalty's gradient, 2 λ T (θ_t - mean of all θ), to modules of one shape; λ is
    `strength`."""
    for parameters in zip(*(copy.parameters() for copy in copies), strict=True):
        mean = torch.stack(list(parameters)).mean(0)
        for parameter in parameters:
            pull = 2 * strength * len(parameters) * (parameter - mean)
            parameter.grad = pull if parameter.grad is None else parameter.grad + pull
