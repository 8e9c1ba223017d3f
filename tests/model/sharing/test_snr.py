import math

import pytest
import torch
from default_dtype import default_dtype

from pet_mtl.model.sharing.snr import BETA, GAMMA, ZETA, HardConcrete, Snr


def opened(sharing: Snr, log_alpha: float) -> Snr:
    with torch.no_grad():
        for route in sharing.routing:
            route.opening.log_alpha.fill_(log_alpha)
    return sharing.eval()


@pytest.mark.parametrize("transform", [False, True])
def test_with_all_routes_open_every_task_reads_every_sub_network(transform: bool) -> None:
    torch.manual_seed(0)
    sharing = opened(Snr(6, 4, 3, 5, levels=2, transform=transform), 50.0)
    features = torch.randn(7, 6)
    below = torch.stack([network(features) for network in sharing.levels[0]]).sum(0)
    wanted = torch.stack([network(below) for network in sharing.levels[1]]).sum(0)
    for task in range(3):
        torch.testing.assert_close(sharing(features, task), wanted)


def test_closed_routes_pass_nothing() -> None:
    sharing = opened(Snr(6, 4, 3, 5, levels=1, transform=False), -50.0)
    assert not sharing(torch.randn(7, 6), 1).any()


@pytest.mark.parametrize("transform", [False, True])
def test_routes_by_hand(transform: bool) -> None:
    torch.manual_seed(2)
    sharing = Snr(6, 4, 3, 2, levels=1, transform=transform).eval()
    (route,) = sharing.routing
    with torch.no_grad():
        for parameter in route.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    features = torch.randn(5, 6)
    for task in range(3):
        wanted = torch.zeros(5, 4)
        for source, network in enumerate(sharing.levels[0]):
            alpha = route.opening.log_alpha[task * 2 + source].item()
            z = min(1.0, max(0.0, (ZETA - GAMMA) / (1 + math.exp(-alpha)) + GAMMA))
            passed = network(features)
            if transform:
                passed = passed @ route.matrices[task, source].T
            wanted = wanted + z * passed
        torch.testing.assert_close(sharing(features, task), wanted)


def test_openings_while_training() -> None:
    """z by the paper's formula, the share of zeros as the penalty has it, the same for one seed."""
    opening = HardConcrete(1, 20_000).train()
    with torch.no_grad():
        opening.log_alpha.fill_(-0.4)
    torch.testing.assert_close(opening(), opening.eval()())  # nothing drawn yet
    opening.train().draw(torch.Generator().manual_seed(5))
    u = torch.rand(20_000, generator=torch.Generator().manual_seed(5)).clamp(1e-6, 1 - 1e-6)
    s = torch.sigmoid((u.log() - (1 - u).log() - 0.4) / BETA)
    z = opening()[0]
    torch.testing.assert_close(z, (s * (ZETA - GAMMA) + GAMMA).clamp(0, 1), rtol=1e-4, atol=1e-5)
    share_open = opening.probability_open()[0].item()
    assert (z > 0).float().mean().item() == pytest.approx(share_open, abs=0.02)
    assert 0.05 < (z == 0).float().mean() < 0.95
    assert torch.equal(opening(), opening())


def test_routes_are_drawn_alike_in_a_program_with_another_default() -> None:
    opening = HardConcrete(2, 3)
    opening.draw(torch.Generator().manual_seed(5))
    wanted = opening()
    with default_dtype(torch.float64):
        opening.draw(torch.Generator().manual_seed(5))
        assert torch.equal(opening(), wanted)


def test_the_penalty_is_that_of_the_sum_of_probabilities() -> None:
    torch.manual_seed(3)
    opening = HardConcrete(3, 4).double()
    with torch.no_grad():
        opening.log_alpha.copy_(torch.randn(12))
    (wanted,) = torch.autograd.grad(0.3 * opening.probability_open().sum(), [opening.log_alpha])
    opening.add_penalty_gradient(0.3)
    torch.testing.assert_close(opening.log_alpha.grad, wanted)
    opening.add_penalty_gradient(0.3)
    torch.testing.assert_close(opening.log_alpha.grad, 2 * wanted)


def test_routes_shown() -> None:
    sharing = opened(Snr(6, 4, 2, 3, levels=2, transform=False), 50.0)
    below, above = sharing.routes({}, ["a", "b"])
    assert below.readers == below.sources == ("sub-network 1", "sub-network 2", "sub-network 3")
    assert above.readers == ("a", "b")
    assert above.weights == ((1.0,) * 3,) * 2
