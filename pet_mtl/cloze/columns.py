"""Columns of texts as pieces in ragged arrays."""

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
MOST_CHARACTERS = 1_000_000  # of one text that are read: pieces take memory before they are cut
CHARACTERS_AT_ONCE = 1 << 18


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


# by task, field, whether a space stands before it, and what is kept of long texts
Columns = dict[tuple[str, str, bool, LongText], Ragged]


def tokenize_column(
    rows: Rows,
    field: str,
    tokenizer: PieceTokenizer,
    space_before: bool,
    most: tuple[int, int],
    dtype: type,
) -> Ragged:
    """Return the pieces of each row's text in a field, of very long texts those of
    `MOST_CHARACTERS`.

    Args:
        most: see `most_pieces`.
    """
    head, tail = most
    ids: list[IntArray] = []
    lengths: list[int] = []
    for texts in text_chunks(rows, field, tail=tail > 0):
        encoded = [
            pieces[:head] + pieces[max(head, len(pieces) - tail) :] if tail else pieces[:head]
            for pieces in tokenizer.encode(texts, space_before=space_before)
        ]
        lengths.extend(map(len, encoded))
        ids.append(np.fromiter(chain.from_iterable(encoded), dtype))
    starts = np.concatenate([[0], np.cumsum(np.array(lengths, dtype=np.int64))])
    return Ragged(np.concatenate(ids), starts)


def cut_text(text: str, *, tail: bool = False) -> str:
    """Return what is read of a text: `MOST_CHARACTERS` from its start, or half of them from each
    end."""
    if len(text) <= MOST_CHARACTERS or not tail:
        return text[:MOST_CHARACTERS]
    half = MOST_CHARACTERS // 2
    return text[:half] + text[-half:]


def text_chunks(rows: Rows, field: str, *, tail: bool = False) -> Iterator[Sequence[str]]:
    """Yield the texts of a field as they are read, at most `CHUNK` at a time and, but for a single
    text, `CHARACTERS_AT_ONCE`: a tokenizer takes hundreds of bytes for each piece."""
    column = rows.fields[field]
    for start in range(0, len(column), CHUNK):
        texts: list[str] = []
        characters = 0
        for whole in column.slice(start, CHUNK).to_pylist():
            text = cut_text(whole, tail=tail)
            if texts and characters + len(text) > CHARACTERS_AT_ONCE:
                yield texts
                texts, characters = [], 0
            texts.append(text)
            characters += len(text)
        yield texts
