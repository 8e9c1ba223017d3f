import pytest
import torch

from pet_mtl.objectives.distillation import label_share, teacher_loss
from pet_mtl.objectives.label_loss import label_loss


def test_the_formula() -> None:
    scores = torch.randn(6, 5, dtype=torch.float64)
    probs = torch.randn(6, 5, dtype=torch.float64).softmax(-1)
    wanted = 0.0
    for row, of_teacher in zip(scores.tolist(), probs.tolist(), strict=True):
        normalizer = torch.tensor(row).logsumexp(0).item()
        wanted -= sum(p * (score - normalizer) for score, p in zip(row, of_teacher, strict=True))
    assert teacher_loss(scores, probs, torch.ones(6)).item() == pytest.approx(wanted, rel=1e-5)
    each = [teacher_loss(scores[i : i + 1], probs[i : i + 1], torch.ones(1)) for i in range(6)]
    weights = torch.tensor([0.0, 1.0, 0.5, 2.0, 0.0, 0.25])
    wanted = sum(float(w) * loss.item() for w, loss in zip(weights, each, strict=True))
    assert teacher_loss(scores, probs, weights).item() == pytest.approx(wanted, rel=1e-5)


def test_a_teacher_who_is_sure_is_a_label() -> None:
    scores, labels = torch.randn(4, 3), torch.tensor([2, 0, 1, 1])
    sure = torch.nn.functional.one_hot(labels, 3).float()
    torch.testing.assert_close(
        teacher_loss(scores, sure, torch.ones(4)), label_loss(scores, labels)
    )


def test_the_gradient_is_that_of_the_divergence() -> None:
    scores = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    probs = torch.randn(4, 3, dtype=torch.float64).softmax(-1)
    (found,) = torch.autograd.grad(teacher_loss(scores, probs, torch.ones(4)), scores)
    divergence = (probs * (probs.log() - scores.log_softmax(-1))).sum()
    (wanted,) = torch.autograd.grad(divergence, scores)
    torch.testing.assert_close(found, wanted)


def test_the_labels_share() -> None:
    assert [label_share("annealed", step, 10) for step in (0, 5, 9)] == [0.0, 0.5, 0.9]
    assert [label_share(0.25, step, 10) for step in (0, 9)] == [0.25, 0.25]
