"""Progressive layered extraction: a task's gate mixes its own experts with the shared ones (Tang et
al. 2020).

One level is CGC, customised gate control. Levels stand on each other: below the last one a shared
gate mixes the experts of all tasks and the shared ones for the shared experts of the level above.
Levels may stand inside the encoder, too: then each reads the features of an encoder layer of its
own beside what the level below gives it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.expert import experts, mix
from pet_mtl.model.sharing.routes import Routes, routes

SHARED = -1  # stands for the shared experts where a task's number would
_Seen = Callable[[int, int, Tensor], None]  # level, reader, gate logits [b, E]


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
        tapped: each level reads features of its own, see `forward`.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        tasks: int,
        shared: int,
        own: int,
        levels: int,
        tapped: bool = False,
    ) -> None:
        super().__init__()
        self.size = width
        self.tasks = tasks
        self.counts = own, shared
        self.tapped = tapped
        above = width + inputs if tapped else width
        self.levels = nn.ModuleList(
            _Level(
                inputs if number == 0 else above, width, tasks, shared, own, number == levels - 1
            )
            for number in range(levels)
        )

    def forward(self, features: Tensor, task: int, seen: _Seen | None = None) -> Tensor:
        """Return what the decoder of `task` reads, `[b, size]`.

        Args:
            features: `[b, F]`; where the levels are tapped `[b, levels, F]`.
            seen: is told every gate.
        """
        taps = features.unbind(1) if self.tapped else None
        start = features if taps is None else taps[0]
        # what each task's experts and the shared ones read
        of_task, common = [start] * self.tasks, start
        level: Any
        for number, level in enumerate(self.levels):
            if taps is not None and number:
                of_task = [torch.cat([part, taps[number]], -1) for part in of_task]
                common = torch.cat([common, taps[number]], -1)
            last = level.shared_gate is None
            wanted = [task] if last else range(self.tasks)
            shared = [expert(common) for expert in level.shared]
            own = {t: [expert(of_task[t]) for expert in level.own[t]] for t in wanted}
            gates = {t: level.gates[t](of_task[t]) for t in wanted}
            mixed = {t: mix(torch.stack([*own[t], *shared], -1), gates[t]) for t in wanted}
            if seen is not None:
                seen(number, task, gates[task])
            if last:
                return mixed[task]
            every = [part for t in wanted for part in own[t]] + shared
            gate = level.shared_gate(common)
            if seen is not None:
                seen(number, SHARED, gate)
            common = mix(torch.stack(every, -1), gate)
            of_task = [mixed[t] for t in wanted]
        raise AssertionError("a last level has no shared gate")

    def task_modules(self) -> list[nn.Module]:
        """Return the parts that serve one task only."""
        levels: Any = self.levels
        return [part for level in levels for part in (level.own, level.gates)]

    def routes(self, features: Mapping[int, Tensor], names: Sequence[str]) -> list[Routes]:
        """Return how much rows of each task take of each expert at each level; features as in
        `forward`, by task.

        Below the last level a row `shared` says what the shared experts above read.
        """
        own, shared = self.counts
        sources = [f"{name} {n}" for name in names for n in range(1, own + 1)]
        sources += [f"shared {n}" for n in range(1, shared + 1)]
        found: dict[tuple[int, int], list[Tensor]] = {}

        def seen(level: int, reader: int, gate: Tensor) -> None:
            found.setdefault((level, reader), []).append(self._spread(reader, gate.softmax(-1)))

        for task, of_task in features.items():
            self(of_task, task, seen)
        shown = []
        for number in range(len(self.levels)):
            readers = [reader for level, reader in found if level == number]
            readers.sort(key=lambda reader: (reader == SHARED, reader))
            means = [torch.cat(found[number, reader]).mean(0) for reader in readers]
            labels = ["shared" if reader == SHARED else names[reader] for reader in readers]
            title = f"level {number + 1}" if len(self.levels) > 1 else ""
            shown.append(routes(title, labels, sources, torch.stack(means)))
        return shown

    def _spread(self, reader: int, gate: Tensor) -> Tensor:
        """Return a gate `[b, E]` over the experts of all tasks and the shared ones."""
        own = self.counts[0]
        if reader == SHARED:
            return gate
        wide = gate.new_zeros(len(gate), self.tasks * own)
        wide[:, reader * own : (reader + 1) * own] = gate[:, :own]
        return torch.cat([wide, gate[:, own:]], -1)
