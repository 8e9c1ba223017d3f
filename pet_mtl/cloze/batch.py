"""Prompts cut into batches by a token budget, similar lengths together, in few distinct shapes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.encode import Prompts

LENGTH_STEP = 4  # every new tensor shape costs the CPU kernels a new plan, so lengths come in steps


@dataclass(frozen=True)
class BatchPlan:
    """Which prompts go into one batch, and its shape.

    Attributes:
        items: indices into the prompt store; a row with label words of several lengths is one item.
        length: `L`, the padded length.
        rows: prompts that the token budget allows at this length, those that no further item fits
            into left out; a full batch is padded up to it.
    """

    items: npt.NDArray[np.int64]
    length: int
    rows: int


def cut_batches(
    prompts: Prompts, items: npt.NDArray[np.int64], batch_tokens: int
) -> Iterator[BatchPlan]:
    """Cut items into batches of at most `batch_tokens` tokens, padding counted, longest first.

    Every item is in exactly one batch; an item longer than the budget is a batch of its own. Full
    batches of one length have one shape.
    """
    lengths = prompts.lengths[items]
    order = np.argsort(-lengths, kind="stable")
    items, lengths = items[order], lengths[order]
    prompts_before = np.concatenate([[0], np.cumsum(prompts.variants[items])])
    start = 0
    while start < len(items):
        length = round_up(int(lengths[start]))
        # even: cut in halves on a CPU
        rows = max(batch_tokens // length // 2 * 2, int(prompts.variants[items[start]]))
        end = int(np.searchsorted(prompts_before, prompts_before[start] + rows, side="right")) - 1
        if end < len(items):
            # The next item's prompts do not all fit: no blank ones in their place.
            rows = min(rows, int(prompts_before[end] - prompts_before[start]))
        yield BatchPlan(items[start:end], length, rows)
        start = end


def round_up(length: int) -> int:
    """Return `length` rounded up to the next step.

    >>> round_up(33)
    36
    """
    return -(-length // LENGTH_STEP) * LENGTH_STEP
