"""How long texts are cut, and positions in ragged arrays."""

import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pet_mtl.suite.long_text import LongText

MOST_WINDOWS = 256  # of one text in one pattern, so that a row costs a bounded time


def most_pieces(long_text: LongText, max_length: int) -> tuple[int, int]:
    """Return how many pieces from a text's start, and how many from its end, may be read."""
    if long_text == "windows":
        return sys.maxsize, 0
    return max_length, max_length if long_text == "head_tail" else 0


def shorten(lengths: Sequence[npt.NDArray[np.int64]], room: int) -> list[npt.NDArray[np.int64]]:
    """Return how many tokens of each field stay so that together they fit into `room`, the longest
    cut first.

    Args:
        lengths: for each field, `n` lengths.
        room: tokens that the fields may take together.

    >>> [kept.tolist() for kept in shorten([np.array([10, 3]), np.array([4, 4])], room=9)]
    [[5, 3], [4, 4]]
    """
    stacked = np.stack(lengths)  # [fields, n]
    order = np.argsort(stacked, axis=0, kind="stable")
    kept = np.empty_like(stacked)
    left = np.full(stacked.shape[1], room, dtype=np.int64)
    columns = np.arange(stacked.shape[1])
    # the shortest first: it gets at most an equal share of what is left
    for rank, fields in enumerate(order):
        share = np.minimum(stacked[fields, columns], left // (len(order) - rank))
        kept[fields, columns] = share
        left -= share
    return list(kept)


def window_offsets(
    lengths: Sequence[npt.NDArray[np.int64]], kept: Sequence[npt.NDArray[np.int64]]
) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.int64]]]:
    """Return the windows of rows: as few as hold each token of the field that loses most, spread
    evenly from its start to its end, but at most `MOST_WINDOWS`, which then leave gaps; the other
    fields stay as they are cut.

    Args:
        lengths: for each field, `n` lengths.
        kept: of these, how many tokens stay, as `shorten` returns them; they are a window's width.

    Returns:
        The row of each of `W` windows, row by row, and for each field where in the text each
        window begins.

    >>> row, (offsets,) = window_offsets([np.array([10, 3])], [np.array([4, 3])])
    >>> row.tolist(), offsets.tolist()
    ([0, 0, 0, 1], [0, 3, 6, 0])
    """
    whole, width = np.stack(lengths), np.stack(kept)  # [fields, n]
    columns = np.arange(whole.shape[1])
    moved = (whole - width).argmax(0)
    length, wide = whole[moved, columns], np.maximum(width[moved, columns], 1)
    count = np.clip(-(-length // wide), 1, MOST_WINDOWS)
    row = np.repeat(columns, count)
    number = ragged_arange(count)
    at = number * (length - width[moved, columns])[row] // np.maximum(count - 1, 1)[row]
    return row, [np.where(moved[row] == field, at, 0) for field in range(len(whole))]


def ragged_arange(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return `0 … length - 1` for each length, one after the other.

    >>> ragged_arange(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
