"""States at the slots of one masked language model to label scores; the rule is in
`word_scores`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pet_mtl.cloze.collate import Batch, FormGroup
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.model.amendments import NONE, Amendments
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.joint_normalizer import JointNormalizer
from pet_mtl.model.mixed_words import put_mixed
from pet_mtl.model.task_model import Look, TaskModel
from pet_mtl.model.verbalizers.reader import Reading
from pet_mtl.model.word_reader import Layout, MaskedReader, WordReader
from pet_mtl.model.word_scores import (
    Aggregation,
    aggregate,
    label_scores,
    word_scores,
)

if TYPE_CHECKING:
    from pet_mtl.model.own_parts import OwnParts


class ClozeModel(TaskModel):
    """Score the labels of mixed-task batches with one masked language model.

    Args:
        backbone: the masked language model.
        words: the label words of each form, in the order of `Prompts.forms`.
        aggregations: how each form's word scores become label scores.
        parts: what the tasks add to it; None: nothing.
        reader: how label words are read; None: at masks.
    """

    def __init__(
        self,
        backbone: Backbone,
        words: Sequence[LabelWords],
        aggregations: Sequence[Aggregation],
        parts: "OwnParts | None" = None,
        reader: WordReader | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.reader = backbone, reader or MaskedReader()
        self.add_module("own", parts)
        self._parts = (parts,)  # in a tuple: it stands below `own`, whatever else does
        self.words, self.aggregations = tuple(words), tuple(aggregations)
        used = sorted({piece for form in words for piece in form.used})
        self.register_buffer("piece_ids", torch.tensor(used), persistent=False)
        self.piece_ids: Tensor
        column = {piece: index for index, piece in enumerate(used)}
        self._tables = [
            self.reader.table(number, form, column) for number, form in enumerate(words)
        ]

    def _apply(self, fn, recurse=True):  # type: ignore[no-untyped-def]  # nn.Module's own signature
        """Move the word tables along with the parameters."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        device = self.piece_ids.device
        self._tables = [table.to(device) for table in self._tables]
        self.reader.to(device)
        return self

    def forward(self, batch: Batch) -> list[Tensor]:
        """Return label scores `[b, K]` (fp32, softmax over `K` gives probabilities) for each of
        `batch.groups`."""
        states = self.states(batch)
        logits = self.backbone.head.piece_logits(states, self.piece_ids)  # [N, M, U]
        normalizer = self._normalizer(batch, states)
        return [self._label_scores(group, states, logits, normalizer) for group in batch.groups]

    def _normalizer(self, batch: Batch, states: Tensor) -> JointNormalizer:
        """Return the softmax denominators; the scoring rule needs those of several lengths."""
        several = [group for group in batch.groups if not self._tables[group.form].at_one_place]
        return JointNormalizer(self.backbone.head, states, several, self.reader.place)

    def look(self, batch: Batch, *, over_vocabulary: bool) -> Look:
        hidden, amendments = self._read(batch)
        states = self.backbone.read(hidden, amendments)
        logits = self.backbone.head.piece_logits(states, self.piece_ids)  # [N, M, U]
        normalizer = self._normalizer(batch, states)
        scores = [self._label_scores(g, states, logits, normalizer) for g in batch.groups]
        over = [self._log_words(g, logits, normalizer) for g in batch.groups if over_vocabulary]
        shortest = [hidden[rows, :count] for rows, count in map(self.reader.summary, batch.groups)]
        return Look(scores, shortest, over)

    def hidden(self, batch: Batch) -> Tensor:
        """Return the encoder's states at the slots, `[N, M, H]`."""
        return self._read(batch)[0]

    def use_sparse_lookups(self) -> nn.Parameter | None:
        return self.backbone.use_sparse_lookups()

    def states(self, batch: Batch) -> Tensor:
        """Return what the MLM head reads at the slots, `[N, M, E]`."""
        hidden, amendments = self._read(batch)
        return self.backbone.read(hidden, amendments)

    def read_items(self, batch: Batch, states: Tensor) -> Tensor:
        """Turn one state of the encoder's kind for each of a batch's items, `[B, H]`, into what the
        MLM head's decoder reads, `[B, E]`."""
        return self.backbone.head.states(states)

    def _read(self, batch: Batch) -> tuple[Tensor, Amendments]:
        """Return the encoder's states `[N, M, H]`, and what is changed in it for this batch."""
        layout = self.reader.layout(batch)
        input_ids, amendments = self._amended(batch, layout)
        found = self.backbone.hidden(
            input_ids, layout.attention_mask, layout.slots, amendments, **layout.more
        )
        return layout.states(found), amendments

    def _amended(self, batch: Batch, layout: Layout) -> tuple[Tensor, Amendments]:
        """Return the ids `[R, L]` that the backbone reads, and what changes in it for this
        batch."""
        ids, amendments = self._with_pieces(batch, layout)
        if batch.mixed_at is not None:
            table = self.backbone.mlm.get_input_embeddings()
            amendments = put_mixed(self.forward, table, batch, layout, amendments)
        return ids, amendments

    def _with_pieces(self, batch: Batch, layout: Layout) -> tuple[Tensor, Amendments]:
        """Return the ids and changes that learned pieces ask for."""
        (parts,) = self._parts
        if parts is None or parts.soft is None:
            return layout.input_ids, NONE
        starts = batch.of_prompts(parts.soft.start_of_form)
        return parts.soft.placed(
            layout.input_ids, starts if layout.origin is None else starts[layout.origin]
        )

    def task_parameters(self) -> int:
        return sum(
            parameter.numel() for part in self._parts if part for parameter in part.parameters()
        )

    def _log_words(self, group: FormGroup, logits: Tensor, normalizer: JointNormalizer) -> Tensor:
        """Return label scores `[b, K]` of the label words as they are, each a log-probability over
        the whole vocabulary."""
        table = self._tables[group.form]
        scores = word_scores(
            table, lambda length: self._of(group, logits, length), normalizer.of(group)
        )
        how = self.aggregations[group.form]
        return aggregate(scores, table.words_of_label, table.is_word, how)

    def _of(self, group: FormGroup, values: Tensor, length: int) -> Tensor:
        """Return what stands at the slots of words of so many pieces, of values `[N, M, ...]`."""
        rows, count = self.reader.place(group, length)
        return values[rows, :count]

    def _label_scores(
        self, group: FormGroup, states: Tensor, logits: Tensor, normalizer: JointNormalizer
    ) -> Tensor:
        (parts,) = self._parts
        reading = Reading(
            self._tables[group.form],
            lambda length: self._of(group, logits, length),
            normalizer.of(group),
            lambda length: self._of(group, states, length),
        )
        how = self.aggregations[group.form]
        if parts is None:
            return label_scores(reading.table, reading.logits, reading.normalizer, how)
        scores = parts.scores(group.form, reading)
        if scores is None:
            scores = label_scores(reading.table, reading.logits, reading.normalizer, how)
        return parts.scaled(group.form, scores)
