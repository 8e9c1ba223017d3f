import math

import pytest
import torch

from pet_mtl.objectives.weighting import TaskStep, build_weighting
from pet_mtl.objectives.weighting.gradnorm import ALPHA, RATE


def test_a_step_goes_down_the_gradient_of_the_papers_objective() -> None:
    labels, losses, bare = {"a": 3, "b": 15}, torch.tensor([0.9, 2.0]), torch.tensor([1.0, 3.0])
    weighting = build_weighting("gradnorm", labels, {})
    w = torch.ones(2, requires_grad=True)
    for _ in range(3):
        norms = w * bare
        left = losses / torch.tensor([math.log(3), math.log(15)])
        target = (norms.mean() * (left / left.mean()) ** ALPHA).detach()
        (gradient,) = torch.autograd.grad((norms - target).abs().sum(), w)
        w = (w - RATE * gradient / bare.mean()).detach()
        w = (2 * w / w.sum()).requires_grad_()
        now = weighting.weights()
        weighting.update(
            {
                task: TaskStep(float(loss), 8, norm=now[task] * float(norm))
                for task, loss, norm in zip(labels, losses, bare, strict=True)
            }
        )
        assert list(weighting.weights().values()) == pytest.approx(w.tolist(), rel=1e-5)


def test_it_ends_where_the_norms_are_in_the_wanted_proportion() -> None:
    labels, losses, bare = {"a": 4, "b": 4}, {"a": 1.0, "b": 0.5}, {"a": 1.0, "b": 2.0}
    weighting = build_weighting("gradnorm", labels, {})
    seen = []
    for _ in range(400):
        now = weighting.weights()
        weighting.update(
            {task: TaskStep(losses[task], 8, now[task] * bare[task]) for task in labels}
        )
        seen.append(weighting.weights())
    late = {task: sum(weights[task] for weights in seen[-100:]) / 100 for task in labels}
    # G_a / G_b = (L_a / L_b) ** α, and w_a + w_b = 2
    assert late["a"] * 1.0 / (late["b"] * 2.0) == pytest.approx(2**ALPHA, rel=0.25)
    assert sum(late.values()) == pytest.approx(2)


def test_a_task_that_is_learned_keeps_some_weight() -> None:
    weighting = build_weighting("gradnorm", {"a": 3, "b": 3}, {})
    for _ in range(300):
        now = weighting.weights()
        losses = {"a": 1e-9, "b": 1.0}
        weighting.update({task: TaskStep(loss, 8, norm=now[task]) for task, loss in losses.items()})
        assert min(weighting.weights().values()) > 0.004
    assert sum(weighting.weights().values()) == pytest.approx(2)


def test_a_step_without_one_of_the_tasks_teaches_nothing() -> None:
    weighting = build_weighting("gradnorm", {"a": 3, "b": 2}, {})
    weighting.update({"a": TaskStep(2.0, 8, norm=5.0)})
    assert weighting.weights() == {"a": 1.0, "b": 1.0}
    assert weighting.wants == "gradients"


def test_tasks_that_have_learned_nothing_keep_their_weights() -> None:
    """The loss of a guess may be another than log K."""
    weighting = build_weighting("gradnorm", {"a": 21, "b": 3}, {}, {"a": 20 * math.log(2)})
    for _ in range(50):
        now = weighting.weights()
        losses = {"a": 20 * math.log(2), "b": math.log(3)}
        weighting.update({task: TaskStep(loss, 8, norm=now[task]) for task, loss in losses.items()})
    assert weighting.weights() == pytest.approx({"a": 1.0, "b": 1.0}, abs=0.05)
