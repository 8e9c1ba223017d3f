"""Several processes that score the same rows together, as `accelerate launch` and `torchrun` start
them.

Each has all rows, cuts them into the same batches, and computes its share of the batches; what they
found is put together by adding up, zeros where a process computed nothing. So the batches, and with
them all bits, are those of one process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.console import started_together
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.hardware import joined

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Processes:
    """The processes of one run, all of which make the same calls in the same order.

    Attributes:
        count: how many there are.
        rank: which one this is, from 0; the first one prints and writes.
        device: of the tensors that they exchange.
    """

    count: int = 1
    rank: int = 0
    device: torch.device = torch.device("cpu")  # noqa: RUF009  # it never changes

    @classmethod
    def of(cls, state: Any) -> "Processes":
        """Return those of accelerate's state, `Accelerator` or `PartialState`."""
        return cls(state.num_processes, state.process_index, state.device)

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, plans: Sequence[BatchPlan]) -> Sequence[BatchPlan]:
        """Return the batches that this process computes: every `count`-th, so that long and short
        ones are spread."""
        return plans[self.rank :: self.count]

    def together(self, scores: FloatArray, plans: Sequence[BatchPlan]) -> FloatArray:
        """Return what all processes found.

        Args:
            scores: `[n, K]`, right for the items of this process.
            plans: the batches of this process; those of all of them hold every item once.
        """
        if self.count == 1:
            return scores
        own = np.zeros_like(scores)
        for plan in plans:
            own[plan.items] = scores[plan.items]
        exchanged = torch.from_numpy(own).to(self.device)
        torch.distributed.all_reduce(exchanged)
        found: FloatArray = exchanged.cpu().numpy()
        return found

    def add_up(self, throughput: Throughput) -> None:
        """Make the throughput that of all processes: their rows and tokens, in the time of the
        slowest."""
        if self.count == 1:
            return
        sums = torch.tensor([throughput.rows, throughput.tokens], device=self.device)
        seconds = torch.tensor(throughput.seconds, device=self.device)
        torch.distributed.all_reduce(sums)
        torch.distributed.all_reduce(seconds, torch.distributed.ReduceOp.MAX)
        throughput.rows, throughput.tokens = map(int, sums.tolist())
        throughput.seconds = float(seconds)


ALONE = Processes()


def join_processes() -> Processes:
    """Join the processes that this one was started with; alone, nothing is done."""
    if started_together() == 1:
        return ALONE
    from accelerate import PartialState

    return Processes.of(joined(PartialState))  # which chooses the GPU of each process, too
