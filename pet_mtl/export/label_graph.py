"""A task's scoring as one graph: token ids in, label log-probabilities out.

The same rule as `model.word_scores`, over the modules of transformers alone, so that an exporter
can follow it: no flat tokens, no fused layers, one prompt for each pattern and word length.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.cloze.form import Compiled, Form
from pet_mtl.kinds import Kind
from pet_mtl.model.mlm_head import SplitHead
from pet_mtl.model.word_scores import Aggregation, WordTable, label_scores, word_table


@dataclass(frozen=True)
class PromptPlace:
    """One prompt of a row: which form, and how many masks stand at its slot."""

    form: int
    masks: int


def prompt_places(forms: Sequence[Form]) -> list[PromptPlace]:
    """Return the prompts that a row of a task needs, in the graph's order."""
    return [PromptPlace(number, masks) for number, form in enumerate(forms) for masks in form.masks]


class LabelGraph(nn.Module):
    """Label log-probabilities of rows that are written out as prompts.

    Args:
        mlm: the masked language model.
        head: its head, split.
        compiled: the task's patterns and label words.
        aggregation: of the words of a label.
        kind: of the task.
        bias: `[K]` of the task's calibration, zeros without one.
    """

    def __init__(
        self,
        mlm: Any,
        head: SplitHead,
        compiled: Compiled,
        aggregation: Aggregation,
        kind: Kind,
        bias: Tensor,
    ) -> None:
        super().__init__()
        self.mlm = mlm
        self._head, self._aggregation, self._kind = head, aggregation, kind
        self._places = prompt_places(compiled.forms)
        used = sorted({piece for words in compiled.words for piece in words.used})
        column = {piece: place for place, piece in enumerate(used)}
        self._tables = [word_table(words, column) for words in compiled.words]
        # of a pattern's forms, one for each hypothesis
        several = len(kind.spec.labels) if kind.spec.facts.hypotheses else 1
        weights = torch.tensor([form.weight for form in compiled.forms[::several]])
        self.register_buffer("used", torch.tensor(used))
        self.register_buffer("weights", weights / weights.sum())
        self.register_buffer("bias", bias)
        self.used: Tensor
        self.weights: Tensor
        self.bias: Tensor

    def forward(self, input_ids: Tensor, attention_mask: Tensor, slots: Tensor) -> Tensor:
        """Return log-probabilities `[B, K]`; of labels that are independent, their log-odds.

        Args:
            input_ids: `[B, G, L]`, the `G` prompts of each row.
            attention_mask: `[B, G, L]`, 1 at tokens that are not padding.
            slots: `[B, G]` positions of the first mask.
        """
        prompts = input_ids.flatten(0, 1)
        hidden = self.mlm.base_model(
            input_ids=prompts, attention_mask=attention_mask.flatten(0, 1)
        ).last_hidden_state
        hidden = hidden.unflatten(0, (-1, len(self._places)))  # [B, G, L, H]
        of_form = [
            self._scores(number, table, hidden, slots) for number, table in enumerate(self._tables)
        ]
        each = torch.stack([self._kind.log_probs(scores) for scores in of_form])
        each = self._kind.combine(each)  # [patterns, B, K]
        mean = (each * self.weights[:, None, None]).sum(0) + self.bias
        return mean if self._kind.spec.facts.target == "labels" else mean.log_softmax(-1)

    def _scores(self, form: int, table: WordTable, hidden: Tensor, slots: Tensor) -> Tensor:
        """Return the label scores `[B, C]` of one form."""
        states: Mapping[int, Tensor] = {
            place.masks: self._states(hidden[:, number], slots[:, number], place.masks)
            for number, place in enumerate(self._places)
            if place.form == form
        }
        return label_scores(
            table,
            lambda length: self._head.piece_logits(states[length], self.used),
            lambda length: self._head.logits(states[length]).float().logsumexp(-1),
            self._aggregation,
        )

    def _states(self, hidden: Tensor, slots: Tensor, masks: int) -> Tensor:
        """Return what the head reads at the masks of prompts `[B, L, H]`, `[B, masks, E]`."""
        at = slots[:, None] + torch.arange(masks)
        found = hidden.gather(1, at[..., None].expand(-1, -1, hidden.shape[-1]))
        return self._head.states(found)
