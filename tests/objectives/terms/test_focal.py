import pytest
import torch
import torch.nn.functional as F

from pet_mtl.objectives.terms import TaskScores
from pet_mtl.objectives.terms.focal import Focal, build
from pet_mtl.suite.losses import FocalSettings


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_the_formula_and_its_gradient(gamma: float) -> None:
    """-(1 - p)^γ log p, row by row."""
    scores = torch.randn(9, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(5, (9,))
    found = Focal(gamma).factors(TaskScores(0, labels, scores)) * F.cross_entropy(
        scores, labels, reduction="none"
    )
    slow = []
    for row, label in zip(scores, labels, strict=True):
        p = row.exp()[label] / row.exp().sum()
        slow.append(-((1 - p) ** gamma) * torch.log(p))
    torch.testing.assert_close(found, torch.stack(slow))
    gradients = [
        torch.autograd.grad(losses.sum(), scores, retain_graph=True)[0]
        for losses in (found, sum(slow))
    ]
    torch.testing.assert_close(*gradients)


def test_gamma_0_is_cross_entropy_and_no_term() -> None:
    rows = TaskScores(0, torch.tensor([0, 2]), torch.randn(2, 3))
    assert torch.equal(Focal(0.0).factors(rows), torch.ones(2))
    assert build(FocalSettings(gamma=0), []) is None


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_rows_that_are_certain_or_without_label_have_gradients_that_are_numbers(
    gamma: float,
) -> None:
    scores = torch.tensor([[90.0, 0.0, 0.0], [0.0, 90.0, 0.0], [1.0, 2.0, 3.0]], requires_grad=True)
    rows = TaskScores(0, torch.tensor([0, 0, -1]), scores)
    losses = Focal(gamma).factors(rows) * F.cross_entropy(
        scores, rows.labels, reduction="none", ignore_index=-1
    )
    losses.sum().backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert losses.tolist() == pytest.approx([0, 90, 0], abs=1e-6)
    assert scores.grad[2].tolist() == [0, 0, 0]
