"""One batch as tensors: masks put in, prompts padded, slots remembered by where they were put."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.shorten import ragged_arange

_ROW_STEP = 8  # heights of batches that are not full come in steps too


@dataclass(frozen=True)
class FormGroup:
    """The items of a batch that share a task and pattern.

    Attributes:
        form: index into `Prompts.forms`.
        items: `b` positions within the batch's items.
        prompts: for each number of masks of the form, `b` row numbers of the batch's tensors.
        labels: `b` label indices, -1 where unknown.
    """

    form: int
    items: Tensor
    prompts: dict[int, Tensor]
    labels: Tensor


@dataclass(frozen=True)
class Mix:
    """What another task says of rows, to be learned through: its label words, weighed by their
    probabilities.

    Attributes:
        batch: the `R` rows as prompts of that task, each in all its patterns.
        row: `[B]` which of the rows each of its items is.
        weight: `[B]` what the item's pattern counts, 1 in the sum over a row's.
        rows: `R`.
        pieces: `[K, P]` of the label words.
    """

    batch: "Batch"
    row: Tensor
    weight: Tensor
    rows: int
    pieces: Tensor

    def to(self, device: torch.device) -> "Mix":
        """Return the same on another device."""
        each = (self.row, self.weight, self.pieces)
        row, weight, pieces = (tensor.to(device, non_blocking=True) for tensor in each)
        return Mix(self.batch.to(device), row, weight, self.rows, pieces)


@dataclass(frozen=True)
class Batch:
    """Prompts of several tasks as tensors.

    Attributes:
        input_ids: `[N, L]` token ids; `N` is at least the number of prompts (blank rows keep the
            shape).
        attention_mask: `[N, L]` 1 for tokens, 0 for padding.
        slots: `[N, M]` positions of the slots; a prompt with fewer than `M` slots repeats its last
            one.
        groups: the items by task and pattern.
        items: `B` indices into the prompt store.
        tokens: number of real tokens.
        said: `[B, C]` the label numbers that other tasks say of the items, where some do.
        mixes: what stands in places that are learned through.
        mixed_at: `[N, L]` where that stands: numbers of the embeddings that all mixes give, `R * P`
            each; -1 elsewhere. None without mixes.
    """

    input_ids: Tensor
    attention_mask: Tensor
    slots: Tensor
    groups: tuple[FormGroup, ...]
    items: npt.NDArray[np.int64]
    tokens: int
    said: npt.NDArray[np.int64] | None = None
    mixes: tuple[Mix, ...] = ()
    mixed_at: Tensor | None = None

    def of_prompts(self, of_form: Sequence[int]) -> Tensor:
        """Return for each prompt what its form has, `[N]`; 0 for blank ones."""
        found = torch.zeros_like(self.input_ids[:, 0])
        for group in self.groups:
            for rows in group.prompts.values():
                found[rows] = of_form[group.form]
        return found

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on another device; none of the copies waits for what runs there."""
        if device.type == "cpu":
            return self

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        return replace(
            self,
            input_ids=move(self.input_ids),
            attention_mask=move(self.attention_mask),
            slots=move(self.slots),
            mixes=tuple(mix.to(device) for mix in self.mixes),
            mixed_at=None if self.mixed_at is None else move(self.mixed_at),
            groups=tuple(
                replace(
                    group,
                    items=move(group.items),
                    prompts={length: move(rows) for length, rows in group.prompts.items()},
                    labels=move(group.labels),
                )
                for group in self.groups
            ),
        )


def collate(
    prompts: Prompts, plan: BatchPlan, *, mask_id: int, pad_id: int, training: bool = False
) -> Batch:
    """Build the tensors of one batch; no Python loop over rows.

    An item becomes one prompt for each number of masks of its form.

    Args:
        training: fewer prompts than a step get blank ones too: dropout is drawn for them, so a
            seed gives the same model only with the same shapes.
    """
    items = plan.items
    form_of_item = prompts.form[items]
    # of each block of prompts, one form with one number of masks: positions in `items`, and masks
    block_items: list[npt.NDArray[np.int64]] = []
    block_masks: list[npt.NDArray[np.int64]] = []
    groups = []
    total = 0
    for form in np.unique(form_of_item):
        members = np.flatnonzero(form_of_item == form)
        rows = {}
        for length in prompts.forms[form].masks:
            rows[length] = torch.arange(total, total + len(members))
            block_items.append(members)
            block_masks.append(np.full(len(members), length, dtype=np.int64))
            total += len(members)
        labels = torch.from_numpy(prompts.label[items[members]].astype(np.int64))
        groups.append(FormGroup(int(form), torch.from_numpy(members), rows, labels))

    item_of_prompt, masks = items[np.concatenate(block_items)], np.concatenate(block_masks)
    starts = prompts.starts[item_of_prompt]
    slot_at = prompts.slot_at[item_of_prompt].astype(np.int64)
    lengths = prompts.starts[item_of_prompt + 1] - starts
    height = _height(total, plan.rows, training)
    ids = np.full((height, plan.length), pad_id, dtype=np.int64)
    number = np.repeat(np.arange(total), lengths)
    within = ragged_arange(lengths)
    # what stands behind the slot moves on by as many columns as the prompt has masks
    column = within + np.repeat(masks, lengths) * (within >= np.repeat(slot_at, lengths))
    ids[number, column] = prompts.ids[np.repeat(starts, lengths) + within]
    most = max(int(masks.max()), 1)  # a form without masks is read at its first token
    slots = np.zeros((height, most), dtype=np.int64)
    slots[:total] = slot_at[:, None] + np.minimum(
        np.arange(most), np.maximum(masks[:, None], 1) - 1
    )
    if masks.all():
        ids[np.arange(total)[:, None], slots[:total]] = mask_id
    # a blank row attends to its first token: no row is all masked out
    width = np.ones(height, dtype=np.int64)
    width[:total] = lengths + masks
    attention_mask = (np.arange(plan.length) < width[:, None]).astype(np.int64)
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(attention_mask),
        torch.from_numpy(slots),
        tuple(groups),
        items,
        int(width[:total].sum()),
    )


def _height(prompts: int, rows: int, training: bool) -> int:
    """Return the rows of a batch's tensors, blank ones among them: those of its plan where it is
    nearly full, else the next step."""
    if prompts + _ROW_STEP > rows:
        return max(prompts, rows)
    if prompts < _ROW_STEP and not training:
        return prompts
    return prompts + -prompts % _ROW_STEP
