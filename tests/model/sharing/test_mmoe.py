import torch

from pet_mtl.model.sharing.mmoe import Mmoe


def test_experts_are_mixed_by_the_tasks_gate() -> None:
    torch.manual_seed(0)
    sharing, features = Mmoe(6, 4, tasks=3, count=5), torch.randn(7, 6)
    for task in range(3):
        got = sharing(features, task)
        for row, x in enumerate(features):
            gate = [torch.exp(weight @ x) for weight in sharing.gates[task].weight]
            seen = [torch.relu(expert[0].weight @ x + expert[0].bias) for expert in sharing.experts]
            wanted = sum(g * f for g, f in zip(gate, seen, strict=True)) / sum(gate)
            torch.testing.assert_close(got[row], wanted)
    assert not torch.allclose(sharing(features, 0), sharing(features, 1))


def test_one_expert_is_hard_sharing() -> None:
    """With one expert a gate has nothing to choose: all tasks read one and the same features,
    f(x)."""
    torch.manual_seed(1)
    sharing, features = Mmoe(6, 4, tasks=3, count=1), torch.randn(7, 6)
    for task in range(3):
        torch.testing.assert_close(
            sharing(features, task), sharing.experts[0](features), rtol=0, atol=0
        )
