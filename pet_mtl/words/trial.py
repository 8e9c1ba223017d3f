"""One model and some rows, ready to score any label words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pet_mtl.cloze.columns import Columns
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.form import Form, compile_forms
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.data.rows import Rows
from pet_mtl.kinds import kind_of_form
from pet_mtl.model.word_scores import label_scores, word_table
from pet_mtl.scoring.log_probs import FloatArray, task_log_probs
from pet_mtl.suite.task import TaskSpec
from pet_mtl.text import counted
from pet_mtl.words.behind import label_log_probs
from pet_mtl.words.read_tasks import encode_read
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import (
    Keys,
    Model,
    OnRows,
    SlotStates,
    compute_states,
    prompt_keys,
    reading,
)

_KEPT = 32  # encoded tasks


@dataclass(frozen=True)
class _Encoded:
    """A task's rows in all its patterns; for each pattern its prompts `items` and their keys."""

    prompts: Prompts
    items: list[npt.NDArray[np.int64]]
    keys: list[Keys]


class Trial:
    """Score label words on rows whose slot states are computed once.

    Args:
        rows: of each task.
        max_length: of prompts, in tokens.
        on_rows: told how many prompts of how many went through the model, in place of a bar; what
            it raises stops the model.

    Attributes:
        computed: prompts that went through the model so far.
    """

    def __init__(
        self,
        model: Model,
        rows: Mapping[str, Rows],
        max_length: int,
        cache: StateCache,
        on_rows: OnRows | None = None,
    ) -> None:
        self.model, self.rows = model, rows
        self.max_length, self.cache = max_length, cache
        self.on_rows = on_rows
        self.computed = 0
        self._columns: Columns = {}
        self._encoded: dict[Any, _Encoded] = {}  # the last ones: patterns may be many

    def prepare(self, task: TaskSpec) -> None:
        """Tokenise the rows of a task, which its first scoring would have to pay for."""
        self._encode(compile_forms(task, self.model.tokenizer, self.max_length).forms)

    def log_probs(self, task: TaskSpec) -> FloatArray:
        """Return the label log-probabilities `[rows, K]` of a task's rows, the same that `score`
        computes.

        Raises:
            PetMtlError: label words that the tokenizer cannot write; see `compile_forms`.
        """
        compiled = compile_forms(task, self.model.tokenizer, self.max_length)
        encoded = self._encode(compiled.forms)
        # which labels stand above others, and the patterns' weights, are those of this task
        prompts = replace(encoded.prompts, forms=compiled.forms)
        if self.model.tokenizer.causal:  # what it reads depends on the words
            self.computed += len(prompts)
            return label_log_probs(self.model, prompts, compiled, task, self.on_rows)
        first = compiled.forms[0]
        kind = kind_of_form(first)
        scores = np.empty((len(prompts), kind.width(first.num_labels)), np.float32)
        for number, words in enumerate(compiled.words):
            found = self._label_scores(words, number, encoded, task)
            scores[encoded.items[number]] = kind.log_probs(found).numpy()
        return task_log_probs(prompts, scores)[task.name]

    def _encode(self, forms: Sequence[Form]) -> _Encoded:
        """Return the prompts; all that label words change in them is the room kept for the
        longest."""
        key = (
            forms[0].task,
            tuple((f.parts, f.masks[-1], f.slot_length, f.num_labels, f.long_text) for f in forms),
        )
        if key not in self._encoded:
            while len(self._encoded) >= _KEPT:
                del self._encoded[next(iter(self._encoded))]
            prompts, _ = encode_read(self.model, forms, self.rows, self.max_length, self._columns)
            items = [np.flatnonzero(prompts.form == number) for number in range(len(forms))]
            self._encoded[key] = _Encoded(
                prompts, items, [prompt_keys(prompts, of_form) for of_form in items]
            )
        return self._encoded[key]

    @torch.inference_mode()
    def _label_scores(
        self, words: LabelWords, number: int, encoded: _Encoded, task: TaskSpec
    ) -> torch.Tensor:
        ids = torch.tensor(words.used, device=self.model.machine.device)
        slots = {masks: self._slots(number, encoded, masks) for masks in words.lengths}
        return label_scores(
            word_table(words),
            lambda length: slots[length].piece_logits(self.model.backbone.head, ids),
            lambda length: slots[length].log_normalizer,
            task.aggregation,
        )

    def _slots(self, number: int, encoded: _Encoded, masks: int) -> SlotStates:
        form, items = encoded.prompts.forms[number], encoded.items[number]

        def compute(missing: npt.NDArray[np.int64]) -> SlotStates:
            title = f"{form.task}, {counted(masks, 'mask')}"
            with reading(title, len(missing), self.on_rows) as on_batch:
                slots = compute_states(self.model, encoded.prompts, items[missing], masks, on_batch)
            self.computed += len(missing)
            return slots

        return self.cache.read(form, encoded.keys[number], masks, compute)
