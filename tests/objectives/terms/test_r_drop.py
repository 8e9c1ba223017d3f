import pytest
import torch
import torch.nn.functional as F

from pet_mtl.kinds import build_kind
from pet_mtl.objectives.terms import TaskScores
from pet_mtl.objectives.terms.r_drop import RDrop, build
from pet_mtl.objectives.terms.term import Facts
from pet_mtl.suite.kind import KindSpec
from pet_mtl.suite.losses import RDropSettings


@pytest.mark.parametrize("alpha", [0.5, 4.0])
def test_the_formula_and_its_gradient(alpha: float) -> None:
    """α · ½ (KL(p₁‖p₂) + KL(p₂‖p₁)), the gradient through both passes."""
    scores = torch.randn(2, 7, 4, dtype=torch.float64, requires_grad=True)
    one, other = scores.log_softmax(-1)
    slow = F.kl_div(other, one, log_target=True, reduction="none") + F.kl_div(
        one, other, log_target=True, reduction="none"
    )
    wanted = alpha / 2 * slow.sum(1)
    found = RDrop(alpha).losses(
        TaskScores(0, torch.zeros(7, dtype=torch.long), scores[0], scores[1])
    )
    torch.testing.assert_close(found, wanted)
    gradients = [
        torch.autograd.grad(losses.sum(), scores, retain_graph=True)[0]
        for losses in (found, wanted)
    ]
    torch.testing.assert_close(*gradients)
    assert (gradients[0].abs().sum((1, 2)) > 0).all()


@pytest.mark.parametrize("no", [True, False])
def test_the_labels_of_a_set_are_compared_one_by_one(no: bool) -> None:
    kind = build_kind(KindSpec("multi_label", ("a", "b", "c"), no=no))
    scores = torch.randn(2, 5, 4 if no else 3, dtype=torch.float64)
    one, other = (kind.log_probs(each).sigmoid() for each in scores)
    wanted = torch.zeros(5, dtype=torch.float64)
    for p, q in ((one, other), (other, one), (1 - one, 1 - other), (1 - other, 1 - one)):
        wanted += (p * (p / q).log()).sum(1)
    term = build(RDropSettings(alpha=3), Facts(disagreements=[kind.disagreement]))
    assert term is not None
    found = term.losses(TaskScores(0, torch.zeros(5, dtype=torch.long), scores[0], scores[1]))
    torch.testing.assert_close(found, 1.5 * wanted)


def test_passes_that_agree_cost_nothing() -> None:
    scores = torch.randn(3, 4)
    assert RDrop(2.0).losses(TaskScores(0, torch.tensor([0, 1, -1]), scores, scores)).tolist() == [
        0,
        0,
        0,
    ]


def test_alpha_0_is_no_term_and_no_second_pass() -> None:
    assert build(RDropSettings(alpha=0), Facts()) is None
    assert "second_pass" in RDrop.wants
