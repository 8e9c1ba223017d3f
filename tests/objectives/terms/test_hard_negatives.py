import pytest
import torch
import torch.nn.functional as F

from pet_mtl.objectives.terms import TaskScores
from pet_mtl.objectives.terms.hard_negatives import HardNegatives, build
from pet_mtl.suite.losses import HardNegativesSettings


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0])
def test_each_row_has_the_gradient_of_cross_entropy_times_a_number(gamma: float) -> None:
    scores = torch.randn(9, 5, requires_grad=True)
    labels = torch.randint(5, (9,))
    losses = F.cross_entropy(scores, labels, reduction="none")
    factors = HardNegatives(gamma).factors(TaskScores(0, labels, scores))
    assert not factors.requires_grad
    torch.testing.assert_close(
        factors, (1 - scores.detach().softmax(1)[torch.arange(9), labels]) ** gamma
    )
    (plain,) = torch.autograd.grad(losses.sum(), scores, retain_graph=True)
    (found,) = torch.autograd.grad((losses * factors).sum(), scores)
    torch.testing.assert_close(found, factors[:, None] * plain)


def test_gamma_0_is_cross_entropy_and_no_term() -> None:
    rows = TaskScores(0, torch.tensor([0, 2]), torch.randn(2, 3))
    assert torch.equal(HardNegatives(0.0).factors(rows), torch.ones(2))
    assert build(HardNegativesSettings(gamma=0), []) is None
