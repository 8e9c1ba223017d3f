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
from pet_mtl.model.task_model import Look, TaskModel
from pet_mtl.model.verbalizers.reader import Reading
from pet_mtl.model.word_scores import (
    Aggregation,
    aggregate,
    label_scores,
    word_scores,
    word_table,
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
        self.words, self.aggregations = tuple(words), tuple(aggregations)
        used = sorted({piece for form in words for piece in form.used})
        self.register_buffer("piece_ids", torch.tensor(used), persistent=False)
        self.piece_ids: Tensor
        column = {piece: index for index, piece in enumerate(used)}
        self._tables = [word_table(form, column) for form in words]

    def _apply(self, fn, recurse=True):  # type: ignore[no-untyped-def]  # nn.Module's own signature
        """Move the word tables along with the parameters."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        device = self.piece_ids.device
        self._tables = [table.to(device) for table in self._tables]
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
        several = [group for group in batch.groups if len(self._tables[group.form].pieces) > 1]
        return JointNormalizer(self.backbone.head, states, several)

    def look(self, batch: Batch, *, over_vocabulary: bool) -> Look:
        input_ids, amendments = self._amended(batch)
        hidden = self.backbone.hidden(input_ids, batch.attention_mask, batch.slots, amendments)
        states = self.backbone.read(hidden, amendments)
        logits = self.backbone.head.piece_logits(states, self.piece_ids)  # [N, M, U]
        normalizer = self._normalizer(batch, states)
        scores = [self._label_scores(g, states, logits, normalizer) for g in batch.groups]
        over = [self._log_words(g, logits, normalizer) for g in batch.groups if over_vocabulary]
        shortest = [
            hidden[group.prompts[min(group.prompts)], : min(group.prompts)]
            for group in batch.groups
        ]
        return Look(scores, shortest, over)

    def hidden(self, batch: Batch) -> Tensor:
        """Return the encoder's states at the slots, `[N, M, H]`."""
        input_ids, amendments = self._amended(batch)
        return self.backbone.hidden(input_ids, batch.attention_mask, batch.slots, amendments)

    def use_sparse_lookups(self) -> nn.Parameter | None:
        return self.backbone.use_sparse_lookups()

    def states(self, batch: Batch) -> Tensor:
        """Return what the MLM head reads at the slots, `[N, M, E]`."""
        input_ids, amendments = self._amended(batch)
        states: Tensor = self.backbone(input_ids, batch.attention_mask, batch.slots, amendments)
        return states

    def _amended(self, batch: Batch) -> tuple[Tensor, Amendments]:
        """Return the ids `[N, L]` that the backbone reads, and what changes in it for this
        batch."""
        (parts,) = self._parts
        if parts is None or parts.soft is None:
            return batch.input_ids, NONE
        starts = torch.zeros_like(batch.input_ids[:, 0])
        for group in batch.groups:
            for rows in group.prompts.values():
                starts[rows] = parts.soft.start_of_form[group.form]
        return parts.soft.placed(batch.input_ids, starts)

    def task_parameters(self) -> int:
        return sum(
            parameter.numel() for part in self._parts if part for parameter in part.parameters()
        )

    def _log_words(self, group: FormGroup, logits: Tensor, normalizer: JointNormalizer) -> Tensor:
        """Return label scores `[b, K]` of the label words as they are, each a log-probability over
        the whole vocabulary."""
        prompts, table = group.prompts, self._tables[group.form]
        scores = word_scores(
            table, lambda length: logits[prompts[length], :length], normalizer.of(group)
        )
        how = self.aggregations[group.form]
        return aggregate(scores, table.words_of_label, table.is_word, how)

    def _label_scores(
        self, group: FormGroup, states: Tensor, logits: Tensor, normalizer: JointNormalizer
    ) -> Tensor:
        prompts, (parts,) = group.prompts, self._parts
        reading = Reading(
            self._tables[group.form],
            lambda length: logits[prompts[length], :length],
            normalizer.of(group),
            lambda length: states[prompts[length], :length],
        )
        how = self.aggregations[group.form]
        if parts is None:
            return label_scores(reading.table, reading.logits, reading.normalizer, how)
        with torch.autocast(
            states.device.type, enabled=False
        ):  # little to compute: full precision costs nothing
            scores = parts.scores(group.form, reading)
        if scores is None:
            scores = label_scores(reading.table, reading.logits, reading.normalizer, how)
        return parts.scaled(group.form, scores)
