"""Adversarial training on the word embeddings (FGM, Miyato et al. 2017)."""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


def word_embeddings(model: nn.Module, vocabulary: int) -> list[Tensor]:
    """Return the tables of at least `vocabulary` rows that a model looks words up in; of several encoders, all."""
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    found = {id(table.weight): table.weight for table in tables if table.num_embeddings >= vocabulary}
    return [weight for weight in found.values() if weight.requires_grad]


@contextlib.contextmanager
def perturbed(weights: Sequence[Tensor], gradients: Sequence[Tensor], size: float) -> Iterator[None]:
    """Move weights by `size` · g / ‖g‖ while it lasts, the norm taken over all of them.

    It is the direction in which the loss rises fastest: a loss that is small there too does not hang on single words.

    >>> weight = torch.zeros(1, 2)
    >>> with perturbed([weight], [torch.tensor([[3.0, 4.0]])], size=0.5):
    ...     print(weight.tolist())
    [[0.30000001192092896, 0.4000000059604645]]
    >>> weight.tolist()
    [[0.0, 0.0]]
    """
    norm = torch.nn.utils.get_total_norm(gradients)
    before = [weight.detach().clone() for weight in weights]
    scale = size / norm if bool(norm > 0) and bool(norm.isfinite()) else torch.zeros_like(norm)
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.add_(scale * gradient)
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)
