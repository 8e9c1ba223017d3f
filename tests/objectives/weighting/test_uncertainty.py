import math

import pytest
import torch

from pet_mtl.objectives.weighting import TaskStep, build_weighting
from pet_mtl.objectives.weighting.uncertainty import RATE


def test_a_step_goes_down_the_gradient_of_the_papers_objective() -> None:
    losses = {"a": 1.7, "b": 0.2}
    weighting = build_weighting("uncertainty", {"a": 3, "b": 2}, {})
    s = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    for _ in range(5):
        objective = (
            torch.exp(-s) * torch.tensor(list(losses.values()), dtype=torch.float64) + s / 2
        ).sum()
        (gradient,) = torch.autograd.grad(objective, s)
        s = (s - RATE * gradient).detach().requires_grad_()
        weighting.update({task: TaskStep(loss, 8) for task, loss in losses.items()})
    assert list(weighting.weights().values()) == pytest.approx((-s).exp().tolist())


@pytest.mark.parametrize("loss", [0.05, 0.5, 3.0])
def test_a_loss_that_stands_still_ends_at_half_its_inverse(loss: float) -> None:
    weighting = build_weighting("uncertainty", {"a": 3}, {})
    for _ in range(3000):
        weighting.update({"a": TaskStep(loss, 8)})
    assert weighting.weights()["a"] == pytest.approx(1 / (2 * loss))


def test_a_task_without_rows_keeps_its_weight() -> None:
    weighting = build_weighting("uncertainty", {"a": 3, "b": 2}, {})
    weighting.update({"a": TaskStep(2.0, 8)})
    assert weighting.weights()["b"] == 1.0
    assert weighting.weights()["a"] == pytest.approx(math.exp(-RATE * 1.5))


def test_a_loss_of_nothing_has_an_end() -> None:
    weighting = build_weighting("uncertainty", {"a": 3}, {})
    for _ in range(2000):
        weighting.update({"a": TaskStep(0.0, 8)})
    assert weighting.weights()["a"] == pytest.approx(math.exp(10))


@pytest.mark.parametrize("learned", [0.001, 0.0])
def test_one_hard_step_does_not_switch_a_task_off(learned: float) -> None:
    weighting = build_weighting("uncertainty", {"a": 3}, {})
    for _ in range(500):
        weighting.update({"a": TaskStep(learned, 8)})
    before = weighting.weights()["a"]
    weighting.update({"a": TaskStep(1.0, 8)})
    assert weighting.weights()["a"] == pytest.approx(before / 2)
    for _ in range(200):  # a loss that stays is followed, and not overshot
        weighting.update({"a": TaskStep(1.0, 8)})
        assert weighting.weights()["a"] > 0.49
    assert weighting.weights()["a"] == pytest.approx(0.5, rel=0.01)
