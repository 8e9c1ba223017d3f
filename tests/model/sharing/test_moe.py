import torch

from pet_mtl.model.sharing.mmoe import Mmoe
from pet_mtl.model.sharing.moe import Moe


def test_it_is_mmoe_whose_gates_are_one() -> None:
    torch.manual_seed(0)
    moe, mmoe, features = Moe(6, 4, count=5), Mmoe(6, 4, tasks=3, count=5), torch.randn(7, 6)
    mmoe.experts.load_state_dict(moe.experts.state_dict())
    assert not torch.allclose(moe(features, 0), mmoe(features, 0))
    for gate in mmoe.gates:
        gate.load_state_dict(moe.gate.state_dict())
    for task in range(3):
        assert torch.equal(moe(features, task), mmoe(features, task))
    assert moe.task_modules() == []


def test_routes_are_the_mean_gate_of_a_tasks_rows() -> None:
    torch.manual_seed(1)
    moe, rows = Moe(6, 4, count=3), {0: torch.randn(7, 6), 2: torch.randn(4, 6)}
    (shown,) = moe.routes(rows, ["a", "b", "c"])
    assert (shown.readers, shown.sources) == (("a", "c"), ("expert 1", "expert 2", "expert 3"))
    for weights, features in zip(shown.weights, rows.values(), strict=True):
        wanted = torch.softmax(features @ moe.gate.weight.T, -1).mean(0)
        torch.testing.assert_close(torch.tensor(weights), wanted)
