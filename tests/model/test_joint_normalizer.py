"""All denominators of a batch at once against one call for each number of masks."""

from typing import Any

import pytest
import torch
import toys
from torch import Tensor

from pet_mtl.cloze.collate import FormGroup
from pet_mtl.model import joint_normalizer
from pet_mtl.model.joint_normalizer import JointNormalizer
from pet_mtl.model.mlm_head import split_head
from pet_mtl.model.word_reader import MaskedReader

PLACE = MaskedReader().place


class Counting:
    """A head that counts its calls over the whole vocabulary."""

    def __init__(self, head: Any) -> None:
        self.head, self.rows = head, list[int]()

    def log_normalizer(self, states: Tensor) -> Tensor:
        self.rows.append(states[..., 0].numel())
        found: Tensor = self.head.log_normalizer(states)
        return found


def group(form: int, prompts: dict[int, list[int]]) -> FormGroup:
    rows = {length: torch.tensor(of_length) for length, of_length in prompts.items()}
    items = torch.arange(len(next(iter(prompts.values()))))
    return FormGroup(form, items, rows, torch.full((len(items),), -1))


GROUPS = [group(0, {1: [0, 2], 4: [3, 5]}), group(2, {2: [1]}), group(3, {2: [4], 3: [6]})]


@pytest.fixture
def counting() -> Counting:
    torch.manual_seed(0)
    return Counting(split_head(toys.build_mlm("bert", 90)))


@pytest.mark.parametrize("at_a_time", [3, 64, 1024])
def test_they_equal_one_call_for_each_number_of_masks(
    counting: Counting, at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joint_normalizer, "_SLOTS_AT_A_TIME", at_a_time)
    states = torch.randn(7, 4, 32, requires_grad=True)
    together = [GROUPS[0], GROUPS[2]]
    joint = JointNormalizer(counting, states, together, PLACE)  # type: ignore[arg-type]
    got, wanted = [], []
    for each in together:
        for length, rows in each.prompts.items():
            got.append(joint.of(each)(length))
            wanted.append(counting.head.log_normalizer(states[rows, :length]))
            assert torch.equal(got[-1], wanted[-1])
    assert sum(counting.rows) == 15
    assert len(counting.rows) == -(-15 // at_a_time)
    gradients = [
        torch.autograd.grad(sum(((n + 1) * x).sum() for n, x in enumerate(each)), states)[0]
        for each in (got, wanted)
    ]
    assert gradients[0].abs().sum() > 0
    torch.testing.assert_close(gradients[0], gradients[1])


def test_other_groups_are_computed_when_they_are_asked_for(counting: Counting) -> None:
    states = torch.randn(7, 4, 32)
    joint = JointNormalizer(counting, states, GROUPS[:1], PLACE)  # type: ignore[arg-type]
    assert counting.rows == []
    found = joint.of(GROUPS[1])(2)
    assert counting.rows == [2]
    assert torch.equal(found, counting.head.log_normalizer(states[[1], :2]))
