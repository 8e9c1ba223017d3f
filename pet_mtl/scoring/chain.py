"""Batches whose prompts hold what other tasks predict for their rows (`{task:NAME}` in a pattern).

The model itself says it, as it is, without gradient, dropout or calibration, when a batch is made:
so training and scoring do the same, in whatever order, and nothing has to be stored. What is to be
learned through (`detach: false`) is asked when the batch is read, see `model.mixed_words`; it comes
with the rows of the other task (`scoring/mixes.py`).
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from pet_mtl.cloze.batch import BatchPlan, cut_batches
from pet_mtl.cloze.collate import Batch, collate
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.said import with_words
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.kinds import kind_of_form
from pet_mtl.model.hardware import Machine
from pet_mtl.model.task_model import TaskModel
from pet_mtl.scoring.mixes import with_mixes

_TOKENS = 1536  # of a batch


def chained_batch(
    model: TaskModel,
    prompts: Prompts,
    plan: BatchPlan,
    machine: Machine,
    tokenizer: PieceTokenizer,
) -> Batch:
    """Return a batch as `collate` does; where the store has places for them, with the words that
    other tasks say."""

    def collated(prompts: Prompts, plan: BatchPlan) -> Batch:
        ids = {"mask_id": tokenizer.mask_id, "pad_id": tokenizer.pad_id}
        return collate(prompts, plan, **ids, training=model.training)

    if not prompts.said:
        return collated(prompts, plan)
    said = said_labels(model, prompts, plan.items, machine, tokenizer, all_places=False)
    told = with_words(prompts, plan.items, said)
    batch = collated(told, replace(plan, items=np.arange(len(plan.items))))
    batch = replace(batch, items=plan.items, said=said)
    return with_mixes(
        batch,
        prompts,
        told,
        lambda store, inner: chained_batch(model, store, inner, machine, tokenizer),
    )


def said_labels(
    model: TaskModel,
    prompts: Prompts,
    items: npt.NDArray[np.int64],
    machine: Machine,
    tokenizer: PieceTokenizer,
    *,
    all_places: bool = True,
) -> npt.NDArray[np.int64]:
    """Return the label numbers `[B, C]` that other tasks say of some items of a store; a form with
    fewer places has zeros at the end.

    Args:
        all_places: those that are learned through, too; else zeros stand for them.
    """
    assert prompts.said_at is not None
    found = np.zeros((len(items), prompts.said_at.shape[1]), dtype=np.int64)
    was_training = model.training
    if was_training:
        model.eval()
    of_item = prompts.form[items]
    for number in np.unique(of_item):
        form, members = prompts.forms[number], np.flatnonzero(of_item == number)
        for place, part in enumerate(form.said_parts):
            assert part.said is not None
            if part.mixed and not all_places:
                continue
            store = prompts.said[form.task, part.said]
            rows = prompts.row[items[members]]
            found[members, place] = _decisions(model, store, rows, machine, tokenizer)
    if was_training:
        model.train()
    return found


@torch.inference_mode()
def _decisions(
    model: TaskModel,
    store: Prompts,
    rows: npt.NDArray[np.int32],
    machine: Machine,
    tokenizer: PieceTokenizer,
) -> npt.NDArray[np.int64]:
    """Return the label number `[b]` that a task gives to rows of a store of its prompts."""
    forms = [store.forms[number] for number in np.unique(store.form)]
    kind, labels = kind_of_form(forms[0]), forms[0].num_labels
    wanted, place = np.unique(rows, return_inverse=True)
    items = np.arange(len(store)).reshape(len(forms), -1)[:, wanted].ravel()  # ascending
    log_probs = np.empty((len(items), labels), dtype=np.float32)
    for plan in cut_batches(store, items, _TOKENS):
        batch = chained_batch(model, store, plan, machine, tokenizer).to(machine.device)
        with machine.autocast():
            scores = model(batch)
        for group, of_group in zip(batch.groups, scores, strict=True):
            at = np.searchsorted(items, batch.items[group.items.cpu().numpy()])
            log_probs[at] = kind.log_probs(of_group).cpu().numpy()
    weights = np.array([form.weight for form in forms], np.float32)
    mean = kind.average(log_probs.reshape(len(forms), -1, labels), weights)
    decided: npt.NDArray[np.int64] = kind.decide(mean)[place]
    return decided
