"""A running mean of a model's weights, which is evaluated and saved in their place (Polyak and
Juditsky 1992; as in Tarvainen and Valpola 2017)."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class WeightAverage:
    """A mean that takes (1 - d) of the weights after each step, and d of what it was.

    d is min(decay, (1 + t) / (10 + t)) after t steps, so that the first weights are soon forgotten.

    Args:
        decay: from 0, which is the weights themselves, to below 1.

    Attributes:
        weights: the mean, by the names of the parameters.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.weights: dict[str, Tensor] = {
            name: parameter.detach().clone() for name, parameter in self._parameters.items()
        }

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step; `step` were done before it."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            list(self.weights.values()), list(self._parameters.values()), 1 - decay
        )

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the mean while entered."""
        own = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        self._copy(self.weights)
        try:
            yield
        finally:
            self._copy(own)

    @torch.no_grad()
    def _copy(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(weights[name])
