"""Words that a causal model reads behind the text: what it reads depends on them, so nothing is
kept from one trial to the next."""

from collections.abc import Sequence

import numpy as np
import torch

from pet_mtl.cloze.batch import cut_batches
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.form import Compiled
from pet_mtl.cloze.label_words import LabelWords, Words
from pet_mtl.model.causal_reader import CausalReader
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.word_scores import Aggregation
from pet_mtl.scoring.log_probs import (
    FloatArray,
    score_items,
    score_plans,
    score_tokens,
    task_log_probs,
)
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.states import Model, OnRows, reading


def label_log_probs(
    model: Model, prompts: Prompts, compiled: Compiled, task: TaskSpec, on_rows: OnRows | None
) -> FloatArray:
    """Return the label log-probabilities `[rows, K]` of a task's rows.

    Args:
        on_rows: as `Trial` has it.
    """
    reader = _cloze_model(model, compiled.words, task.aggregation)
    plans = score_plans(prompts, model.machine)
    with reading(task.name, len(prompts), on_rows) as on_batch:
        scores = score_items(
            reader, prompts, plans, model.machine, model.tokenizer, on_batch=on_batch
        )
    return task_log_probs(prompts, scores)[task.name]


@torch.inference_mode()
def word_log_probs(model: Model, prompts: Prompts, tables: Sequence[Words]) -> FloatArray:
    """Return scores `[F, C, N]`, mean log p over the pieces, of the same `C` words in `F` forms on
    the `N` rows of a store."""
    each = [
        LabelWords(table.pieces, tuple(range(len(table.pieces))), len(table.pieces))
        for table in tables
    ]
    reader = _cloze_model(model, each, "mean")
    rows = len(prompts) // len(tables)
    scores = np.empty((len(tables), len(tables[0].pieces), rows), np.float32)
    for plan in cut_batches(prompts, np.arange(len(prompts)), score_tokens(model.machine)):
        batch = collate(
            prompts, plan, mask_id=model.tokenizer.mask_id, pad_id=model.tokenizer.pad_id
        ).to(model.machine.device)
        with model.machine.autocast():
            look = reader.look(batch, over_vocabulary=True)
        for group, found in zip(batch.groups, look.log_words, strict=True):
            items = batch.items[group.items.cpu().numpy()]
            scores[group.form][:, prompts.row[items]] = found.float().cpu().numpy().T
    return scores


def _cloze_model(model: Model, words: Sequence[LabelWords], how: Aggregation) -> ClozeModel:
    reader = CausalReader(model.backbone.mlm.config, words)
    made = ClozeModel(model.backbone, words, [how] * len(words), reader=reader)
    return made.to(model.machine.device).eval()
