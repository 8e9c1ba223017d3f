import pytest
import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.mmoe import Mmoe
from pet_mtl.model.sharing.ple import Ple


def slow(sharing: Ple, x: Tensor, task: int) -> Tensor:
    """Return what a task reads of one row, with everything computed in the paper's order."""

    def mixed(gate: nn.Linear, read: Tensor, seen: list[Tensor]) -> Tensor:
        weights = torch.softmax(gate.weight @ read, 0)
        return sum(weight * part for weight, part in zip(weights, seen, strict=True))

    tasks = range(sharing.tasks)
    own, shared = [x for _ in tasks], x
    for level in sharing.levels:
        of_shared = [expert(shared) for expert in level.shared]
        of_tasks = [[expert(own[t]) for expert in level.own[t]] for t in tasks]
        new = [mixed(level.gates[t], own[t], of_tasks[t] + of_shared) for t in tasks]
        if level.shared_gate is not None:
            shared = mixed(
                level.shared_gate,
                shared,
                [part for parts in of_tasks for part in parts] + of_shared,
            )
        own = new
    return own[task]


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize(("shared", "own"), [(2, 1), (1, 3), (3, 0)])
def test_levels(levels: int, shared: int, own: int) -> None:
    torch.manual_seed(0)
    sharing, features = Ple(6, 4, tasks=3, shared=shared, own=own, levels=levels), torch.randn(5, 6)
    for task in range(3):
        wanted = torch.stack([slow(sharing, row, task) for row in features])
        torch.testing.assert_close(sharing(features, task), wanted)


def test_only_shared_experts_are_mmoe() -> None:
    torch.manual_seed(1)
    ple, mmoe = Ple(6, 4, tasks=3, shared=5, own=0, levels=1), Mmoe(6, 4, tasks=3, count=5)
    (level,) = ple.levels
    level.shared.load_state_dict(mmoe.experts.state_dict())
    level.gates.load_state_dict(mmoe.gates.state_dict())
    features = torch.randn(5, 6)
    for task in range(3):
        assert torch.equal(ple(features, task), mmoe(features, task))


def test_the_parts_of_one_task() -> None:
    sharing = Ple(6, 4, tasks=2, shared=2, own=1, levels=2)
    own = {id(parameter) for part in sharing.task_modules() for parameter in part.parameters()}
    common = {id(p) for level in sharing.levels for part in (level.shared, level.shared_gate) if part is not None
              for p in part.parameters()}  # fmt: skip
    assert own | common == {id(parameter) for parameter in sharing.parameters()}
    assert not own & common
