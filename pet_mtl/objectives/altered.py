"""A batch once more, with other text: what some loss terms read beside the prompts themselves.

One prompt an item, whatever the lengths of its label words, and slots wherever the term wants to
read.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.shorten import ragged_arange

BoolArray = npt.NDArray[np.bool_]
IdArray = npt.NDArray[np.int64]

_ROW_STEP, _SLOT_STEP, _TARGET_STEP = 8, 4, 64  # each new shape costs the CPU kernels a new plan


@dataclass(frozen=True)
class Altered:
    """Prompts with other text, one for each chosen item of a batch.

    Attributes:
        batch: its slots are what is to be read; prompts beyond those of the items repeat the last.
        items: `[R]` which of the batch's items the first `R` prompts are of.
        at: `[T]` which of the `N * M` slots have a target, filled up with repeats.
        targets: `[T]` what stands there, -1 for the repeats.
        owner: `[T]` the item of each target.
        marks: `[B]` what else a term wants to know of the batch's items.
    """

    batch: Batch
    items: Tensor
    at: Tensor
    targets: Tensor
    owner: Tensor
    marks: Tensor

    def to(self, device: torch.device) -> "Altered":
        """Return the same on another device."""
        each = (self.items, self.at, self.targets, self.owner, self.marks)
        return Altered(
            self.batch.to(device), *(tensor.to(device, non_blocking=True) for tensor in each)
        )


def shortest_prompts(batch: Batch) -> IdArray:
    """Return for each item of a batch the row of its prompt with the fewest masks, `[B]`."""
    rows = np.zeros(len(batch.items), np.int64)
    for group in batch.groups:
        rows[group.items.numpy()] = group.prompts[min(group.prompts)].numpy()
    return rows


def masks_of(batch: Batch, rows: IdArray) -> IdArray:
    """Return how many masks stand in each of some rows of a batch."""
    masks = np.zeros(len(batch.input_ids), np.int64)
    for group in batch.groups:
        for length, own in group.prompts.items():
            masks[own.numpy()] = length
    return masks[rows]


def text_fields(prompts: Prompts, batch: Batch, rows: IdArray) -> npt.NDArray[np.int8]:
    """Return where the prompts of all items have text of their rows.

    Args:
        rows: `[B]` one row of the batch for each item.

    Returns:
        `[B, L]`: 0 for what the pattern has, n for the form's nth field.
    """
    assert prompts.kept is not None
    kept, masks = prompts.kept[batch.items], masks_of(batch, rows)
    place = np.arange(batch.input_ids.shape[1])
    fields = np.zeros((len(batch.items), len(place)), np.int8)
    for group in batch.groups:
        own = group.items.numpy()
        start, number, place_of_word = np.zeros(len(own), np.int64), 0, 0
        for part in prompts.forms[group.form].parts:
            if part.is_slot:
                start = start + masks[own]
            elif part.said is not None:
                assert batch.said is not None
                widths = np.array([len(word) for word in part.words])
                start = start + widths[batch.said[own, place_of_word]]
                place_of_word += 1
            elif part.field is None:
                start = start + len(part.ids)
            else:
                end = start + kept[own, number]
                number += 1
                inside = (place >= start[:, None]) & (place < end[:, None])
                fields[own] = np.where(inside, number, fields[own])
                start = end
    return fields


def choose_share(may: BoolArray, draws: Draws, share: float) -> BoolArray:
    """Choose a share of each row's places, rounded up or down at random, but one at least.

    Args:
        may: `[B, L]` places that may be chosen.

    Returns:
        `[B, L]`.
    """
    count, length = may.shape
    order = np.where(may, draws.uniform(0, length), 2.0).argsort(1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(length), (count, length)), 1)
    wanted = np.floor(share * may.sum(1) + draws.uniform(1, 1)[:, 0]).clip(min=1)
    chosen: BoolArray = may & (rank < wanted[:, None])
    return chosen


def slots_of(row: IdArray, column: IdArray, shape: tuple[int, int]) -> tuple[IdArray, IdArray]:
    """Return slots at the places that are read, and which of the slots these are, in few shapes.

    Args:
        row: of each place, ascending.
        column: of each place.
        shape: `(N, L)` of the ids.

    Returns:
        `[N, M]` positions, a row with fewer than `M` filled up with 0; `[T]` which of the `N * M`
        slots each place has, filled up with 0.
    """
    height, length = shape
    counts = np.bincount(row, minlength=height)
    wide = min(length, -(-max(1, int(counts.max(initial=0))) // _SLOT_STEP) * _SLOT_STEP)
    nth = ragged_arange(counts)
    slots = np.zeros((height, wide), np.int64)
    slots[row, nth] = column
    at = np.zeros(-(-max(1, len(row)) // _TARGET_STEP) * _TARGET_STEP, np.int64)
    at[: len(row)] = row * wide + nth
    return slots, at


def altered(
    batch: Batch,
    rows: IdArray,
    ids: IdArray,
    read: BoolArray,
    targets: IdArray,
    chosen: BoolArray | None = None,
    marks: BoolArray | None = None,
) -> Altered:
    """Return prompts with other text.

    Args:
        rows: `[B]` the row of the batch that each item's prompt is made of.
        ids: `[B, L]` what stands there now.
        read: `[B, L]` where it is to be read.
        targets: `[B, L]` what is wanted there.
        chosen: `[B]` items that have a prompt; None: all.
        marks: `[B]` what else the term wants to know.
    """
    items = np.arange(len(rows)) if chosen is None else np.flatnonzero(chosen)
    number = items if len(items) else np.zeros(1, np.int64)  # a shape of no rows has no last one
    of_row = np.concatenate([number, np.repeat(number[-1:], -len(number) % _ROW_STEP)])
    place_of = np.full(len(rows), -1, np.int64)
    place_of[items] = np.arange(len(items))
    row, column = np.nonzero(read[items])
    slots, at = slots_of(row, column, (len(of_row), ids.shape[1]))
    owner, wanted = np.zeros_like(at), np.full_like(at, -1)
    owner[: len(row)], wanted[: len(row)] = items[row], targets[items[row], column]
    groups = []
    for group in batch.groups:
        own = place_of[group.items.numpy()]
        groups.append(replace(group, prompts={0: torch.from_numpy(own[own >= 0])}))
    made = Batch(
        torch.from_numpy(ids[of_row]),
        batch.attention_mask[torch.from_numpy(rows[of_row])],
        torch.from_numpy(slots),
        tuple(groups),
        batch.items,
        int(batch.attention_mask[torch.from_numpy(rows[items])].sum()),
        mixes=batch.mixes,
        mixed_at=None if batch.mixed_at is None else batch.mixed_at[torch.from_numpy(rows[of_row])],
    )
    marks = np.zeros(len(rows), bool) if marks is None else marks
    tensors = (torch.from_numpy(array) for array in (items, at, wanted, owner, marks))
    return Altered(made, *tensors)
