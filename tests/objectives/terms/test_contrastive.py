import math

import pytest
import torch
from toy_pieces import ToyPiece

from pet_mtl.objectives.terms import Facts
from pet_mtl.objectives.terms.contrastive import Contrastive, build
from pet_mtl.suite.losses import ContrastiveSettings

TASKS = ["a", "a", "b"]


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_formula_row_by_row(temperature: float) -> None:
    """Khosla et al., L_out, the positives of a row in the denominator too."""
    torch.manual_seed(0)
    states = torch.randn(9, 5, dtype=torch.float64)
    task = [0, 0, 0, 0, 1, 1, 1, 1, 0]
    label = [0, 1, 0, 0, 0, 0, 1, -1, -1]
    classes = torch.tensor(
        [t * (1 << 20) + y if y >= 0 else -1 for t, y in zip(task, label, strict=True)]
    )
    found = Contrastive(0.4, temperature, TASKS).step_losses(states, classes)
    z = [state / state.norm() for state in states]
    for i in range(9):
        others = [j for j in range(9) if j != i and task[j] == task[i] and label[j] >= 0]
        alike = [j for j in others if label[j] == label[i]] if label[i] >= 0 else []
        total = sum(math.exp(float(z[i] @ z[j]) / temperature) for j in others)
        terms = [math.log(math.exp(float(z[i] @ z[j]) / temperature) / total) for j in alike]
        wanted = -0.4 * sum(terms) / len(alike) if alike else 0.0
        assert found[i].item() == pytest.approx(wanted), i


def test_rows_without_a_positive_add_0_and_have_no_gradient() -> None:
    states = torch.randn(3, 4, requires_grad=True)
    losses = Contrastive(0.5, 0.1, TASKS).step_losses(states, torch.tensor([0, 1, -1]))
    assert losses.tolist() == [0, 0, 0]
    losses.sum().backward()
    assert states.grad is not None
    assert states.grad.abs().sum() == 0


def test_a_piece_reads_its_rows_slots_and_their_classes() -> None:
    toy = ToyPiece({"contrastive": {"weight": 0.3}})
    assert isinstance(toy.term, Contrastive)
    batch = toy.batch()
    states, classes = toy.term.members(toy.piece(batch))
    prompts = toy.prompts
    for place, item in enumerate(batch.items):
        alone, its_class = toy.term.members(toy.piece(toy.batch([item])))
        torch.testing.assert_close(states[place], alone[0], rtol=1e-4, atol=1e-5)
        assert classes[place] == its_class[0]
        label, task = (
            int(prompts.label[item]),
            int(prompts.forms[prompts.form[item]].task == "pair"),
        )
        assert classes[place] == (task * (1 << 20) + label if label >= 0 else -1)
    # rows of one task and label are alike whatever their pattern
    assert len(set(classes.tolist())) == 1 + 2 + 3


def test_the_rest_of_the_weight_is_the_label_loss() -> None:
    assert Contrastive(0.3, 0.1, TASKS).label_share == pytest.approx(0.7)
    assert build(ContrastiveSettings(weight=0), Facts(tasks=TASKS)) is None
