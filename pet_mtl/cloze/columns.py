"""Columns of texts as pieces in ragged arrays."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.suite.long_text import LongText

IntArray = npt.NDArray[np.integer]
CHUNK = 1024  # rows at a time: enough for all cores, little memory


@dataclass(frozen=True)
class Ragged:
    """Sequences of ids, one after the other, and the `n + 1` offsets where they start."""

    ids: IntArray
    starts: npt.NDArray[np.int64]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(self.starts)

    def part(self, start: int, end: int) -> "Ragged":
        starts = self.starts[start : end + 1]
        return Ragged(self.ids[starts[0] : starts[-1]], starts - starts[0])


Columns = dict[
    tuple[str, str, bool, LongText], Ragged
]  # by task, field, whether a space stands before it, and what is kept of long texts


def most_pieces(long_text: LongText, max_length: int) -> tuple[int, int]:
    """Return how many pieces from a text's start, and how many from its end, may be read."""
    if long_text == "windows":
        return sys.maxsize, 0
    return max_length, max_length if long_text == "head_tail" else 0


def tokenize_column(
    rows: Rows,
    field: str,
    tokenizer: PieceTokenizer,
    space_before: bool,
    most: tuple[int, int],
    dtype: type,
) -> Ragged:
    """Return the pieces of each row's text in a field, of long texts `most_pieces` at the most."""
    head, tail = most
    ids: list[IntArray] = []
    lengths: list[int] = []
    for texts in _chunks(rows, field):
        encoded = [
            pieces[:head] + pieces[max(head, len(pieces) - tail) :] if tail else pieces[:head]
            for pieces in tokenizer.encode(texts, space_before=space_before)
        ]
        lengths.extend(map(len, encoded))
        ids.append(np.fromiter(chain.from_iterable(encoded), dtype))
    starts = np.concatenate([[0], np.cumsum(np.array(lengths, dtype=np.int64))])
    return Ragged(np.concatenate(ids), starts)


def _chunks(rows: Rows, field: str) -> Iterator[Sequence[str]]:
    column = rows.fields[field]
    for start in range(0, len(column), CHUNK):
        yield column.slice(start, CHUNK).to_pylist()
