"""Sub-network routing: every level is a few sub-networks, and learned routes say which of them
those above and the tasks read (SNR, Ma et al. 2019).

A route's opening z is a hard concrete variable (Louizos et al. 2018): with u ~ U(0, 1),
s = σ((log u - log(1 - u) + log α) / β) and z = min(1, max(0, s (ζ - γ) + γ)); β = 2/3, γ = -0.1,
ζ = 1.1. It is 0 or 1 with a probability above 0, and log α has a gradient. u is drawn once for a
step, so that cutting the step changes nothing; in evaluation z = min(1, max(0, σ(log α) (ζ - γ) +
γ)). The penalty is λ Σ P(z > 0) = λ Σ σ(log α - β log(-γ / ζ)).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.expert import experts
from pet_mtl.model.sharing.routes import Routes, numbered, routes

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
_OPEN = 2.0  # log α at the start: a route is open by 0.96 when scoring, and may still close


class HardConcrete(nn.Module):
    """The openings of `readers × sources` routes."""

    def __init__(self, readers: int, sources: int) -> None:
        super().__init__()
        self.shape = readers, sources
        # one dimension: weight decay, which is for matrices, would pull routes half open
        self.log_alpha = nn.Parameter(torch.full((readers * sources,), _OPEN))
        self._drawn: Tensor | None = None

    def draw(self, generator: torch.Generator) -> None:
        """Draw what the openings of a step depend on."""
        u = torch.rand(len(self.log_alpha), generator=generator, dtype=torch.float32)
        u = u.clamp(1e-6, 1 - 1e-6)
        self._drawn = (u / (1 - u)).log()

    def forward(self) -> Tensor:
        """Return `z`, `[readers, sources]`; as when scoring before the first `draw`."""
        if self.training and self._drawn is not None:
            drawn = self._drawn.to(self.log_alpha.device)
            s = torch.sigmoid((drawn + self.log_alpha) / BETA)
        else:
            s = torch.sigmoid(self.log_alpha)
        return (s * (ZETA - GAMMA) + GAMMA).clamp(0, 1).view(self.shape)

    def probability_open(self) -> Tensor:
        """Return P(z > 0) of each route, `[readers * sources]`."""
        return torch.sigmoid(self.log_alpha - BETA * math.log(-GAMMA / ZETA))

    @torch.no_grad()
    def add_penalty_gradient(self, strength: float) -> None:
        """Add the gradient of λ Σ P(z > 0); λ is `strength`."""
        p = self.probability_open()
        pull = strength * p * (1 - p)
        grad = self.log_alpha.grad
        self.log_alpha.grad = pull if grad is None else grad + pull


class _Route(nn.Module):
    """What one level's sub-networks give to its readers: Σ_i z_ri u_i, or Σ_i z_ri W_ri u_i."""

    def __init__(self, readers: int, sources: int, width: int, transform: bool) -> None:
        super().__init__()
        self.opening = HardConcrete(readers, sources)
        self.matrices: nn.Parameter | None = None
        if transform:  # starts as the other variant
            self.matrices = nn.Parameter(torch.eye(width).repeat(readers, sources, 1, 1))

    def forward(self, parts: Tensor, reader: int) -> Tensor:
        """Return `[b, width]` for a reader, from the sub-networks' outputs `[b, width,
        sources]`."""
        z: Tensor = self.opening()[reader]
        if self.matrices is None:
            return torch.matmul(parts, z)
        return torch.einsum("s,sij,bjs->bi", z, self.matrices[reader], parts)


class Snr(nn.Module):
    """Levels of sub-networks with learned routes between them and to the tasks.

    Args:
        inputs: `F`.
        width: units of each sub-network.
        tasks: number of tasks.
        count: sub-networks of a level.
        levels: number of levels.
        transform: a route has a matrix of its own (SNR-Trans); otherwise it passes on what it gets
            (SNR-Aver).
    """

    def __init__(
        self, inputs: int, width: int, tasks: int, count: int, levels: int, transform: bool
    ) -> None:
        super().__init__()
        self.size = width
        self.levels = nn.ModuleList(
            experts(count, inputs if number == 0 else width, width) for number in range(levels)
        )
        self.routing = nn.ModuleList(
            _Route(tasks if number == levels - 1 else count, count, width, transform)
            for number in range(levels)
        )

    def forward(self, features: Tensor, task: int) -> Tensor:
        """Return what the decoder of `task` reads, `[b, size]`, from features `[b, F]`."""
        levels: Any = self.levels
        read = [features] * len(levels[0])
        for number, level in enumerate(levels):
            parts = [network(of_network) for network, of_network in zip(level, read, strict=True)]
            seen, route = torch.stack(parts, -1), self.routing[number]  # [b, width, sources]
            if number == len(levels) - 1:
                of_task: Tensor = route(seen, task)
                return of_task
            read = [route(seen, reader) for reader in range(len(levels[number + 1]))]
        raise AssertionError("there is a last level")

    def draw(self, generator: torch.Generator) -> None:
        """Draw what the routes of a step depend on."""
        for opening in self._openings():
            opening.draw(generator)

    def add_penalty_gradient(self, strength: float) -> None:
        """Add the gradient of λ Σ P(route is open); λ is `strength`."""
        for opening in self._openings():
            opening.add_penalty_gradient(strength)

    def _openings(self) -> list[HardConcrete]:
        routing: Any = self.routing
        return [route.opening for route in routing]

    def task_modules(self) -> list[nn.Module]:
        """Return the parts that serve one task only."""
        return [self.routing[-1]]

    def routes(self, features: Mapping[int, Tensor], names: Sequence[str]) -> list[Routes]:
        """Return how far each route is open, level by level; it does not depend on rows."""
        shown, last = [], len(self.levels) - 1
        for number, opening in enumerate(self._openings()):
            readers, sources = opening.shape
            above = names if number == last else numbered("sub-network", readers)
            title = f"level {number + 1}" if last else ""
            weights = opening()
            shown.append(routes(title, above, numbered("sub-network", sources), weights))
        return shown
