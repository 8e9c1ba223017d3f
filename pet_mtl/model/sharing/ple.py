"""Progressive layered extraction: a task's gate mixes its own experts with the shared ones (Tang et
al. 2020).

One level is CGC, customised gate control. Levels stand on each other: below the last one a shared
gate mixes the experts of all tasks and the shared ones for the shared experts of the level above.
"""

from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.expert import experts
from pet_mtl.model.sharing.mmoe import mix


class _Level(nn.Module):
    def __init__(
        self, inputs: int, width: int, tasks: int, shared: int, own: int, last: bool
    ) -> None:
        super().__init__()
        self.shared = experts(shared, inputs, width)
        self.own = nn.ModuleList(experts(own, inputs, width) for _ in range(tasks))
        self.gates = nn.ModuleList(
            nn.Linear(inputs, own + shared, bias=False) for _ in range(tasks)
        )
        self.shared_gate = None if last else nn.Linear(inputs, tasks * own + shared, bias=False)


class Ple(nn.Module):
    """Levels of shared experts and experts of each task's own.

    Args:
        inputs: `F`.
        width: units of each expert.
        tasks: number of tasks.
        shared: shared experts of a level.
        own: experts of each task's own of a level.
        levels: number of levels.
    """

    def __init__(
        self, inputs: int, width: int, tasks: int, shared: int, own: int, levels: int
    ) -> None:
        super().__init__()
        self.size = width
        self.tasks = tasks
        self.levels = nn.ModuleList(
            _Level(
                inputs if number == 0 else width, width, tasks, shared, own, number == levels - 1
            )
            for number in range(levels)
        )

    def forward(self, features: Tensor, task: int) -> Tensor:
        """Return what the decoder of `task` reads, `[b, size]`, from features `[b, F]`."""
        of_task, common = (
            [features] * self.tasks,
            features,
        )  # what each task's experts and the shared ones read
        level: Any
        for level in self.levels:
            last = level.shared_gate is None
            wanted = [task] if last else range(self.tasks)
            shared = [expert(common) for expert in level.shared]
            own = {t: [expert(of_task[t]) for expert in level.own[t]] for t in wanted}
            mixed = {
                t: mix(torch.stack([*own[t], *shared], -1), level.gates[t](of_task[t]))
                for t in wanted
            }
            if last:
                return mixed[task]
            every = [seen for t in wanted for seen in own[t]] + shared
            common = mix(torch.stack(every, -1), level.shared_gate(common))
            of_task = [mixed[t] for t in wanted]
        raise AssertionError("a last level has no shared gate")

    def task_modules(self) -> list[nn.Module]:
        """Return the parts that serve one task only."""
        levels: Any = self.levels
        return [part for level in levels for part in (level.own, level.gates)]
