import math

import pytest
import torch
import torch.nn.functional as F
from toy_pieces import ToyPiece

from pet_mtl.objectives.terms import Facts
from pet_mtl.objectives.terms.task_discriminator import (
    TaskDiscriminator,
    build,
    reversed_gradient,
    rise,
)
from pet_mtl.suite.losses import TaskDiscriminatorSettings


def test_the_gradient_is_turned_and_the_value_stays() -> None:
    states = torch.randn(3, 4, requires_grad=True)
    turned = reversed_gradient(states, 0.3)
    assert torch.equal(turned, states)
    slope = torch.randn(3, 4)
    (turned * slope).sum().backward()
    torch.testing.assert_close(states.grad, -0.3 * slope)


@pytest.mark.parametrize("rises", [True, False])
def test_cross_entropy_of_the_task_and_its_two_gradients(rises: bool) -> None:
    """The discriminator's own gradient is that of its loss, the model's is -λ times that."""
    toy = ToyPiece({"task_discriminator": {"weight": 0.5, "rises": rises}})
    term = toy.term
    assert isinstance(term, TaskDiscriminator)
    batch = toy.batch()
    piece = toy.piece(batch, progress=0.2)
    found = term.piece_losses(piece)
    tasks = torch.tensor([int(toy.prompts.form[item] == 2) for item in batch.items])
    states = piece.by_item([rows.state for rows in piece.rows])
    wanted = F.cross_entropy(term.layers(states), tasks, reduction="none")
    torch.testing.assert_close(found, wanted)
    own, model = list(term.parameters()), list(toy.model.parameters())
    got = torch.autograd.grad(found.sum(), [*own, *model], retain_graph=True, allow_unused=True)
    plain = torch.autograd.grad(wanted.sum(), [*own, *model], allow_unused=True)
    strength = 0.5 * ((2 / (1 + math.exp(-2)) - 1) if rises else 1)
    for number, (one, other) in enumerate(zip(got, plain, strict=True)):
        if other is not None:
            factor = 1.0 if number < len(own) else -strength
            torch.testing.assert_close(one, factor * other, rtol=1e-3, atol=1e-5)


def test_the_reversal_rises_from_0_to_1() -> None:
    assert rise(0) == 0
    assert rise(1) == pytest.approx(1, abs=1e-4)


def test_one_task_is_told_from_no_other() -> None:
    facts = Facts(tasks=["a", "a"], size=4)
    assert build(TaskDiscriminatorSettings(), facts) is None
    assert build(TaskDiscriminatorSettings(weight=0), Facts(tasks=["a", "b"], size=4)) is None
