import math

import numpy as np
import pytest
import torch
import toys

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.data.rows import Rows
from pet_mtl.objectives.label_loss import label_loss
from pet_mtl.objectives.logit_adjustment import adjustments, logit_adjustment
from pet_mtl.suite.task import TaskSpec


def test_the_formula() -> None:
    labels = np.array([2, 0, 2, 2, 1, 2, -1, 0])
    wanted = [0.5 * math.log(share) for share in (2 / 7, 1 / 7, 4 / 7)]
    assert logit_adjustment(labels, 3, 0.5).tolist() == pytest.approx(wanted)


def test_a_label_without_rows_counts_as_one() -> None:
    added = logit_adjustment(np.array([0, 0, 1, 1]), 3, 1.0)
    assert added.exp().tolist() == pytest.approx([0.4, 0.4, 0.2])


def test_no_strength_and_equal_shares_change_no_loss() -> None:
    scores, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    for added in (
        logit_adjustment(np.array([0, 0, 0, 1]), 3, 0.0),
        logit_adjustment(labels.numpy(), 3, 1.0),
    ):
        torch.testing.assert_close(label_loss(scores + added, labels), label_loss(scores, labels))


def test_only_rows_with_one_label_are_adjusted() -> None:
    """Labels of a set and ends of a range have no share of the rows."""
    words = {"0": ["好"], "4": ["坏"]}
    plain = toys.make_task("{text}{mask}", words).model_dump()
    sets, numbers = (
        {"kind": "multi_label", "no": ["不"]},
        {"kind": "similarity", "metric": "pearson"},
    )
    kinds = {"plain": {}, "sets": sets, "numbers": numbers}
    tasks = {
        name: TaskSpec.model_validate({**plain, "name": name, **more})
        for name, more in kinds.items()
    }
    rows = dict.fromkeys(tasks, Rows.of({"text": ["天", "气", "真"]}, labels=[0, 0, 1]))
    prompts = encode_suite(tasks, rows, toys.piece_tokenizer("wordpiece"), 20)
    found = adjustments(prompts, 1.0, torch.device("cpu"))
    assert found[0].exp().tolist() == pytest.approx([2 / 3, 1 / 3])
    assert [added.tolist() for added in found[1:]] == [[0, 0, 0], [0, 0]]


def test_with_strength_1_what_is_learned_of_rows_that_are_all_alike_is_an_equal_chance() -> None:
    labels = torch.tensor([0] * 90 + [1] * 9 + [2])
    added, scores = logit_adjustment(labels.numpy(), 3, 1.0), torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([scores], max_iter=100)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = label_loss((scores + added).expand(100, 3), labels)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.no_grad():
        scores += torch.tensor([0.0, 1.0, -2.0])
    optimizer.step(loss)
    torch.testing.assert_close(scores.softmax(0), torch.full((3,), 1 / 3), atol=1e-3, rtol=0)
