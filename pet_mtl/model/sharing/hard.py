"""Hard sharing: every task's decoder reads the same features (Caruana 1997)."""

from torch import Tensor, nn


class Hard(nn.Module):
    """Give the features on as they are.

    Args:
        size: of the features.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, features: Tensor, task: int) -> Tensor:
        """Return what the decoder of `task` reads, `[b, size]`, from features `[b, F]`."""
        return features

    def task_modules(self) -> list[nn.Module]:
        """Return the parts that serve one task only."""
        return []
