"""Rows of tasks that are learned through (`detach: false`), beside the prompts that read them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.cloze.collate import Batch, Mix
from pet_mtl.cloze.encode import Prompts

MakeBatch = Callable[[Prompts, BatchPlan], Batch]


def with_mixes(batch: Batch, prompts: Prompts, told: Prompts, make: MakeBatch) -> Batch:
    """Return a batch with what its places that are learned through are made of.

    Args:
        batch: collated from `told`, its `items` being those of `prompts`.
        told: the store of the batch's items, words of other tasks in their places.
        make: makes batches of other stores, as the batch itself is made.
    """
    mixes: list[Mix] = []
    mixed_at = np.full(tuple(batch.input_ids.shape), -1, np.int64)
    done = 0  # embeddings of the mixes so far
    for group in batch.groups:
        own = group.items.numpy()
        items = batch.items[own]
        before = np.zeros(len(own), np.int64)  # pieces of words further left
        for place, part in enumerate(prompts.forms[group.form].said_parts):
            widths = np.array([len(word) for word in part.words])
            if not part.mixed:
                assert batch.said is not None
                before += widths[batch.said[own, place]]
                continue
            assert part.said is not None
            assert prompts.said_at is not None
            width = int(widths[0])
            mix = _mix(prompts, group.form, part.said, items, make, part.words)
            start = prompts.said_at[items, place] + before
            numbers = done + np.arange(len(own) * width).reshape(len(own), width)
            for masks, rows in group.prompts.items():
                behind = start >= told.slot_at[own]  # the slots stand before the word
                columns = (start + masks * behind)[:, None] + np.arange(width)
                mixed_at[rows.numpy()[:, None], columns] = numbers
            mixes.append(mix)
            before += width
            done += len(own) * width
    if not mixes:
        return batch
    return replace(batch, mixes=tuple(mixes), mixed_at=torch.from_numpy(mixed_at))


def _mix(
    prompts: Prompts,
    form: int,
    said: str,
    items: np.ndarray,
    make: MakeBatch,
    words: tuple[tuple[int, ...], ...],
) -> Mix:
    """Return what another task says of some items' rows."""
    store = prompts.said[prompts.forms[form].task, said]
    forms = [store.forms[number] for number in np.unique(store.form)]
    wanted = np.arange(len(store)).reshape(len(forms), -1)[:, prompts.row[items]]  # [F, R]
    weights = np.array([of_form.weight for of_form in forms], np.float32)
    flat = wanted.ravel()
    length = round_up(int(store.lengths[flat].max()))
    plan = BatchPlan(flat, length, int(store.variants[flat].sum()))
    return Mix(
        make(store, plan),
        torch.from_numpy(np.tile(np.arange(len(items)), len(forms))),
        torch.from_numpy(np.repeat(weights / weights.sum(), len(items))),
        len(items),
        torch.tensor(words),
    )
