"""States at the slots to label scores: the scoring rule, the same for training and scoring.

The score of a word is the mean over its pieces of log p(piece at its slot), read in a prompt with as many masks as the
word has pieces; the score of a label aggregates its words. Where all words of a task have one length, the softmax
denominator is the same for all of them and is left out; otherwise it is computed, at the slots only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from pet_mtl.cloze.collate import Batch, FormGroup
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.model.amendments import NONE, Amendments
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.task_model import TaskModel
from pet_mtl.model.verbalizers.reader import Reading

if TYPE_CHECKING:
    from pet_mtl.model.own_parts import OwnParts

Aggregation = Literal["mean", "max", "logsumexp"]


@dataclass(frozen=True)
class WordTable:
    """A form's label words as indices.

    Attributes:
        pieces: for each length `P`, `[W_P, P]` columns of the piece logits.
        words_of_label: `[K, W]` positions among the words, lengths ascending; short rows repeat the first word.
        is_word: `[K, W]` False where a row repeats.
    """

    pieces: dict[int, Tensor]
    words_of_label: Tensor
    is_word: Tensor


class ClozeModel(TaskModel):
    """Score the labels of mixed-task batches with one masked language model.

    Args:
        backbone: the masked language model.
        words: the label words of each form, in the order of `Prompts.forms`.
        aggregations: how each form's word scores become label scores.
        parts: what the tasks add to it; None: nothing.
    """

    def __init__(
        self,
        backbone: Backbone,
        words: Sequence[LabelWords],
        aggregations: Sequence[Aggregation],
        parts: "OwnParts | None" = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.add_module("own", parts)
        self._parts = (parts,)  # in a tuple: it stands below `own`, whatever else does
        self.aggregations = tuple(aggregations)
        used = sorted({piece for form in words for word in form.pieces for piece in word})
        self.register_buffer("piece_ids", torch.tensor(used), persistent=False)
        self.piece_ids: Tensor
        column = {piece: index for index, piece in enumerate(used)}
        self._tables = [word_table(form, column) for form in words]

    def _apply(self, fn, recurse=True):  # type: ignore[no-untyped-def]  # nn.Module's own signature
        """Move the word tables along with the parameters."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        device = self.piece_ids.device
        self._tables = [
            WordTable(
                {length: ids.to(device) for length, ids in table.pieces.items()},
                table.words_of_label.to(device),
                table.is_word.to(device),
            )
            for table in self._tables
        ]
        return self

    def forward(self, batch: Batch) -> list[Tensor]:
        """Return label scores `[b, K]` (fp32, softmax over `K` gives probabilities) for each of `batch.groups`."""
        states = self.states(batch)
        logits = self.backbone.head.piece_logits(states, self.piece_ids)  # [N, M, U]
        return [self._label_scores(group, states, logits) for group in batch.groups]

    def use_sparse_lookups(self) -> nn.Parameter | None:
        return self.backbone.use_sparse_lookups()

    def states(self, batch: Batch) -> Tensor:
        """Return what the MLM head reads at the slots, `[N, M, E]`."""
        input_ids, amendments = self._amended(batch)
        states: Tensor = self.backbone(input_ids, batch.attention_mask, batch.slots, amendments)
        return states

    def _amended(self, batch: Batch) -> tuple[Tensor, Amendments]:
        """Return the ids `[N, L]` that the backbone reads, and what changes in it for this batch."""
        (parts,) = self._parts
        if parts is None or parts.soft is None:
            return batch.input_ids, NONE
        starts = torch.zeros_like(batch.input_ids[:, 0])
        for group in batch.groups:
            for rows in group.prompts.values():
                starts[rows] = parts.soft.start_of_form[group.form]
        return parts.soft.placed(batch.input_ids, starts)

    def task_parameters(self) -> int:
        return sum(parameter.numel() for part in self._parts if part for parameter in part.parameters())

    def _label_scores(self, group: FormGroup, states: Tensor, logits: Tensor) -> Tensor:
        prompts, head, (parts,) = group.prompts, self.backbone.head, self._parts
        reading = Reading(
            self._tables[group.form],
            lambda length: logits[prompts[length], :length],
            lambda length: head.log_normalizer(states[prompts[length], :length]),
            lambda length: states[prompts[length], :length],
        )
        how = self.aggregations[group.form]
        if parts is None:
            return label_scores(reading.table, reading.logits, reading.normalizer, how)
        with torch.autocast(states.device.type, enabled=False):  # little to compute: full precision costs nothing
            scores = parts.scores(group.form, reading)
        if scores is None:
            scores = label_scores(reading.table, reading.logits, reading.normalizer, how)
        return parts.scaled(group.form, scores)


def label_scores(
    table: WordTable, logits: Callable[[int], Tensor], normalizer: Callable[[int], Tensor], how: Aggregation
) -> Tensor:
    """Apply the scoring rule: label scores `[b, K]`; see `word_scores` for the arguments."""
    scores = word_scores(table, logits, normalizer if len(table.pieces) > 1 else None)
    return aggregate(scores, table.words_of_label, table.is_word, how)


def word_scores(
    table: WordTable, logits: Callable[[int], Tensor], normalizer: Callable[[int], Tensor] | None
) -> Tensor:
    """Score the words of a form, `[b, words]`, in the order of `words_of_label`'s positions.

    Args:
        logits: for a word length `P`, the logits `[b, P, U]` of the used pieces at the slots of prompts with `P` masks.
        normalizer: likewise the log of the softmax denominator `[b, P]`; None leaves it out.
    """
    scores = []
    for length, pieces in table.pieces.items():
        of_length = logits(length)[:, torch.arange(length, device=pieces.device), pieces].mean(-1)  # [b, W_P]
        if normalizer is not None:
            of_length = of_length - normalizer(length).mean(-1, keepdim=True)
        scores.append(of_length)
    return torch.cat(scores, -1)


def aggregate(scores: Tensor, words_of_label: Tensor, is_word: Tensor, how: Aggregation) -> Tensor:
    """Aggregate word scores `[b, words]` into label scores `[b, K]`; see `WordTable` for the indices `[K, W]`."""
    of_label = scores[:, words_of_label]  # [b, K, W]
    if how == "mean":
        return (of_label * is_word).sum(-1) / is_word.sum(-1)
    of_label = of_label.masked_fill(~is_word, float("-inf"))
    return of_label.amax(-1) if how == "max" else of_label.logsumexp(-1)


def word_table(words: LabelWords, column: dict[int, int]) -> WordTable:
    """Index the label words of a form; `column` is each piece's place among the `U` used pieces."""
    by_length: dict[int, list[int]] = {length: [] for length in words.lengths}
    for index, word in enumerate(words.pieces):
        by_length[len(word)].append(index)
    position = {word: place for place, word in enumerate(w for group in by_length.values() for w in group)}
    of_label = [[position[w] for w, owner in enumerate(words.labels) if owner == k] for k in range(words.num_labels)]
    most = max(map(len, of_label))
    return WordTable(
        pieces={
            length: torch.tensor([[column[piece] for piece in words.pieces[w]] for w in group])
            for length, group in by_length.items()
        },
        words_of_label=torch.tensor([own + own[:1] * (most - len(own)) for own in of_label]),
        is_word=torch.tensor([[True] * len(own) + [False] * (most - len(own)) for own in of_label]),
    )
