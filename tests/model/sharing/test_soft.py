import pytest
import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.soft import add_penalty_gradient


def copies(count: int) -> list[nn.Module]:
    torch.manual_seed(count)
    return [nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)).double() for _ in range(count)]


def penalty(modules: list[nn.Module]) -> Tensor:
    return sum(
        (one - other).square().sum()
        for t in range(len(modules))
        for s in range(t)
        for one, other in zip(modules[t].parameters(), modules[s].parameters(), strict=True)
    )


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_gradient_is_that_of_the_penalty_over_pairs(count: int) -> None:
    modules = copies(count)
    parameters = [parameter for module in modules for parameter in module.parameters()]
    wanted = torch.autograd.grad(0.3 * penalty(modules), parameters)
    parameters[0].grad = torch.ones_like(parameters[0])
    add_penalty_gradient(modules, 0.3)
    for number, (parameter, gradient) in enumerate(zip(parameters, wanted, strict=True)):
        torch.testing.assert_close(parameter.grad, gradient + (number == 0))


def test_a_growing_penalty_ties_the_copies() -> None:
    """Minimise Σ_t (θ_t - a_t)² + λ Σ ‖θ_t - θ_s‖²: the gap between the copies is |a_1 - a_2| / (1
    + 2 λ)."""
    for strength in (0.0, 1.0, 10.0, 50.0):
        modules = [nn.Linear(1, 1, bias=False).double() for _ in range(2)]
        wanted = (3.0, -1.0)
        rate = 0.5 / (1 + 2 * strength)
        for _ in range(2000):
            for module, value in zip(modules, wanted, strict=True):
                module.weight.grad = 2 * (module.weight.detach() - value)
            add_penalty_gradient(modules, strength)
            with torch.no_grad():
                for module in modules:
                    module.weight -= rate * module.weight.grad
        first, second = (module.weight.item() for module in modules)
        assert first - second == pytest.approx(4 / (1 + 2 * strength), rel=1e-5)
        assert first + second == pytest.approx(
            2, rel=1e-5
        )  # the tied value is that of hard sharing
