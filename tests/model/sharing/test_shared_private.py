import torch

from pet_mtl.model.sharing.shared_private import SharedPrivate


def test_a_task_reads_the_shared_part_and_its_own() -> None:
    torch.manual_seed(0)
    sharing, features = SharedPrivate(6, 4, tasks=3), torch.randn(5, 6)
    for task in range(3):
        parts = [
            torch.relu(features @ part[0].weight.T + part[0].bias)
            for part in (sharing.shared, sharing.private[task])
        ]
        torch.testing.assert_close(sharing(features, task), torch.cat(parts, -1))
    assert sharing.size == 8


def test_other_tasks_leave_a_private_part_alone() -> None:
    sharing = SharedPrivate(6, 4, tasks=2)
    sharing(torch.randn(5, 6), 1).sum().backward()
    assert [parameter.grad is None for parameter in sharing.private[0].parameters()] == [True, True]
    assert all(parameter.grad is not None for parameter in sharing.shared.parameters())
    assert [*sharing.task_modules()] == [sharing.private]
