"""An expert, one dense layer with ReLU, as in MMoE (Ma et al. 2018), and several under a gate."""

from torch import Tensor, nn


def expert(inputs: int, outputs: int) -> nn.Module:
    """Return an expert from `[..., inputs]` to `[..., outputs]`."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU())


def experts(count: int, inputs: int, outputs: int) -> nn.ModuleList:
    """Return several experts."""
    return nn.ModuleList(expert(inputs, outputs) for _ in range(count))


def mix(seen: Tensor, gate: Tensor) -> Tensor:
    """Return the mean `[b, width]` of experts `[b, width, E]` by the softmax of their gate `[b,
    E]`."""
    return (seen @ gate.softmax(-1)[..., None])[..., 0]
