"""How a model is made to read label words: what it is run on, and which of its states they are
scored from. `MaskedReader` is that of masked language models; that of causal ones has a file of its
own."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from pet_mtl.cloze.collate import Batch, FormGroup
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.model.word_scores import WordTable, word_table


@dataclass(frozen=True)
class Layout:
    """What a model is run on for a batch.

    Attributes:
        input_ids: `[R, L]`.
        attention_mask: `[R, L]`, or `[R, 1, L, L]` what is added to attention scores.
        slots: `[R, M]` positions to be read.
        origin: `[R]` the batch's prompt that each row is of; None: row by row.
        gathered: `[N, S]` which of the `R * M` states are those of each prompt; None: its own.
        more: what else the family is given.
    """

    input_ids: Tensor
    attention_mask: Tensor
    slots: Tensor
    origin: Tensor | None = None
    gathered: Tensor | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def states(self, found: Tensor) -> Tensor:
        """Return the states of the batch's prompts, `[N, S, H]`, from those that were read, `[R, M,
        H]`."""
        return found if self.gathered is None else found.flatten(0, 1)[self.gathered]


class WordReader(Protocol):
    """How label words are read.

    Attributes:
        lacks: what loss terms may want of a step and this cannot give.
    """

    @property
    def lacks(self) -> frozenset[str]: ...

    def table(self, form: int, words: LabelWords, columns: dict[int, int]) -> WordTable:
        """Return a form's words as indices; `columns`: of the piece logits."""

    def to(self, device: torch.device) -> None:
        """Move what it keeps to another device."""

    def layout(self, batch: Batch) -> Layout:
        """Return what the model is run on."""

    def place(self, group: FormGroup, length: int) -> tuple[Tensor, int]:
        """Return the prompts, `[b]`, that words of so many pieces are read in, and how many of
        their first states they are scored from."""

    def summary(self, group: FormGroup) -> tuple[Tensor, int]:
        """Return the prompts, `[b]`, and how many of their first states stand for the rows."""

    def shown(self, group: FormGroup, length: int) -> tuple[Tensor, int]:
        """Return what `place` does, of the slots that a page shows."""


class MaskedReader:
    """A word of `P` pieces is read in a prompt with `P` masks."""

    lacks: frozenset[str] = frozenset()

    def table(self, form: int, words: LabelWords, columns: dict[int, int]) -> WordTable:
        return word_table(words, columns)

    def to(self, device: torch.device) -> None:
        pass

    def layout(self, batch: Batch) -> Layout:
        return Layout(batch.input_ids, batch.attention_mask, batch.slots)

    def place(self, group: FormGroup, length: int) -> tuple[Tensor, int]:
        return group.prompts[length], length

    def summary(self, group: FormGroup) -> tuple[Tensor, int]:
        fewest = min(group.prompts)
        return group.prompts[fewest], fewest

    def shown(self, group: FormGroup, length: int) -> tuple[Tensor, int]:
        return self.place(group, length)
