"""What a learned verbalizer is given, and what it gives."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from pet_mtl.model.word_scores import WordTable


@dataclass(frozen=True)
class Reading:
    """What the slots of a form's `b` items say, computed when asked for.

    Attributes:
        table: the form's label words.
        logits: for a word length `P`, `[b, P, U]` logits of the used pieces.
        normalizer: likewise the log of the softmax denominator `[b, P]`.
        states: likewise what the head's decoder reads, `[b, P, E]`.
    """

    table: WordTable
    logits: Callable[[int], Tensor]
    normalizer: Callable[[int], Tensor]
    states: Callable[[int], Tensor]


class LabelReader(nn.Module, ABC):
    """The learned verbalizer of one task."""

    @abstractmethod
    def forward(self, reading: Reading) -> Tensor:
        """Return label scores `[b, K]`."""


def flat_states(reading: Reading, masks: int) -> Tensor:
    """Return the fp32 states of one-prompt forms, `[b, masks * E]`; zeros where a form has fewer
    masks."""
    (length,) = reading.table.pieces
    states = reading.states(length).float()
    return nn.functional.pad(states, (0, 0, 0, masks - length)).flatten(1)
