import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.objectives.label_loss import label_loss


@given(
    rows=st.lists(st.lists(st.floats(-20, 20), min_size=4, max_size=4), min_size=1, max_size=5),
    gold=st.lists(st.integers(0, 3), min_size=5, max_size=5),
    smoothing=st.floats(0, 0.9),
)
def test_the_formula(rows: list[list[float]], gold: list[int], smoothing: float) -> None:
    wanted = 0.0
    for row, label in zip(rows, gold, strict=False):
        normalizer = math.log(sum(map(math.exp, row)))
        target = [smoothing / 4 + (1 - smoothing) * (k == label) for k in range(4)]
        wanted -= sum(
            share * (score - normalizer) for share, score in zip(target, row, strict=True)
        )
    scores = torch.tensor(rows, dtype=torch.float64)
    got = label_loss(scores, torch.tensor(gold[: len(rows)]), smoothing)
    assert got.item() == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_a_constant_added_to_a_row_changes_nothing() -> None:
    scores, labels = torch.randn(3, 5, dtype=torch.float64), torch.tensor([0, 4, 2])
    shift = torch.tensor([[100.0], [-7.0], [0.0]])
    torch.testing.assert_close(label_loss(scores + shift, labels), label_loss(scores, labels))


def test_the_sum_is_over_rows_so_that_parts_of_a_step_add_up() -> None:
    scores, labels = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    parts = label_loss(scores[:3], labels[:3], 0.1) + label_loss(scores[3:], labels[3:], 0.1)
    torch.testing.assert_close(label_loss(scores, labels, 0.1), parts)


def test_no_rows_cost_nothing() -> None:
    assert label_loss(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)).item() == 0.0


def test_rows_without_a_label_cost_nothing() -> None:
    scores, labels = torch.randn(5, 3), torch.tensor([0, -1, 2, -1, 1])
    known = labels >= 0
    torch.testing.assert_close(
        label_loss(scores, labels, 0.1), label_loss(scores[known], labels[known], 0.1)
    )
