"""How long texts are cut, and positions in ragged arrays."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


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
    for rank, fields in enumerate(
        order
    ):  # the shortest first: it gets at most an equal share of what is left
        share = np.minimum(stacked[fields, columns], left // (len(order) - rank))
        kept[fields, columns] = share
        left -= share
    return list(kept)


def ragged_arange(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return `0 … length - 1` for each length, one after the other.

    >>> ragged_arange(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
