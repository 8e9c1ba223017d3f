"""What every method trains: a module that scores the labels of mixed-task batches."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass

from torch import Tensor, nn

from pet_mtl.cloze.collate import Batch


@dataclass(frozen=True)
class ParameterCounts:
    """How many parameters a model works with, and how many of them serve one task only."""

    all: int
    task_specific: int

    @property
    def share(self) -> float:
        return self.task_specific / self.all

    def to_json(self) -> dict[str, float]:
        return {**asdict(self), "task_specific_share": round(self.share, 6)}


@dataclass(frozen=True)
class Look:
    """What a model makes of a batch.

    Attributes:
        scores: label scores `[b, K]` of each group.
        hidden: the encoder's states `[b, M, H]` at the slots of each group's prompts with the
            fewest masks; without slots, the rows' features as the only one.
        log_words: for each group `[b, K]` log-probabilities of the labels' words over the whole
            vocabulary, where they were asked for.
    """

    scores: list[Tensor]
    hidden: list[Tensor]
    log_words: list[Tensor]


class TaskModel(nn.Module, ABC):
    """A backbone and what a method adds to it.

    Attributes:
        own_rate: peak learning rate of the parameters below `own`, which no backbone has; None:
            that of all others.
    """

    own_rate: float | None = None

    @abstractmethod
    def forward(self, batch: Batch) -> list[Tensor]:
        """Return label scores `[b, K]` (fp32, softmax over `K` gives probabilities) for each of
        `batch.groups`."""

    def look(self, batch: Batch, *, over_vocabulary: bool) -> Look:
        """Return the label scores as `forward` does, and what they are made of.

        Args:
            over_vocabulary: the labels' log-probabilities over the whole vocabulary are wanted too.
        """
        raise NotImplementedError

    def begin_step(self, seed: int) -> None:
        """Draw what all rows of an optimizer step share; called before it, with a seed that all
        processes have."""

    def add_penalty_gradient(self) -> None:
        """Add the gradient of what a step's loss has beside its rows; called once a step, after all
        its rows."""

    def use_sparse_lookups(self) -> nn.Parameter | None:
        """Have sparse gradients where they pay; return the parameter whose gradient must then never
        be None."""
        return None

    def task_parameters(self) -> int:
        """Return how many parameters serve one task only."""
        return 0

    def parameter_counts(self) -> ParameterCounts:
        return ParameterCounts(
            sum(parameter.numel() for parameter in self.parameters()), self.task_parameters()
        )
