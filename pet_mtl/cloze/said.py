"""What other tasks say of rows, put into their prompts."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.shorten import ragged_arange


def with_words(
    prompts: Prompts, items: npt.NDArray[np.int64], said: npt.NDArray[np.int64]
) -> Prompts:
    """Return a store of some items whose prompts hold the words that other tasks say.

    Args:
        prompts: with places for them.
        items: `B` indices into the store.
        said: `[B, C]` the label numbers that other tasks say.
    """
    assert prompts.said_at is not None
    said_at, slot_at = prompts.said_at[items].astype(np.int64), prompts.slot_at[items].copy()
    starts, form = prompts.starts[items], prompts.form[items]
    lengths = prompts.starts[items + 1] - starts
    widths = np.zeros(said_at.shape, dtype=np.int64)  # pieces of each word
    words: list[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for number in np.unique(form):
        members, before = np.flatnonzero(form == number), True
        place = 0
        for part in prompts.forms[number].parts:
            before = before and not part.is_slot
            if part.said is None:
                continue
            counts = np.array([len(word) for word in part.words], dtype=np.int64)
            table = np.zeros((len(counts), counts.max()), dtype=np.int64)
            for label, word in enumerate(part.words):
                table[label, : len(word)] = word
            widths[members, place] = counts[said[members, place]]
            if before:
                slot_at[members] += widths[members, place].astype(slot_at.dtype)
            words.append((place, members, table))
            place += 1
    total = lengths + widths.sum(1)
    ends = np.concatenate([[0], np.cumsum(total)])
    ids = np.empty(ends[-1], dtype=prompts.ids.dtype)
    within = ragged_arange(lengths)
    column = within.copy()
    for place in range(said_at.shape[1]):
        behind = within >= np.repeat(said_at[:, place], lengths)
        column += np.repeat(widths[:, place], lengths) * behind
    ids[np.repeat(ends[:-1], lengths) + column] = prompts.ids[np.repeat(starts, lengths) + within]
    for place, members, table in words:
        counts = widths[members, place]
        first = ends[members] + said_at[members, place] + widths[members, :place].sum(1)
        letter = ragged_arange(counts)
        ids[np.repeat(first, counts) + letter] = table[
            np.repeat(said[members, place], counts), letter
        ]
    return replace(
        prompts,
        ids=ids,
        starts=ends,
        slot_at=slot_at,
        form=form,
        row=prompts.row[items],
        label=prompts.label[items],
        said_at=None,
        said={},
        kept=None if prompts.kept is None else prompts.kept[items],
    )
