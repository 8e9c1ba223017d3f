"""Documents cut and packed into rows, and rows put into batches.

A document is one running text: its paragraphs, each closed by the separator. Paragraphs that follow
one another share a row while they fit, so that short ones (titles, turns of a dialogue) do not
become rows of a few tokens; a paragraph longer than a row is cut into pieces of equal length. Texts
of two documents never share a row, so no attention mask is needed beyond the padding's. A row is a
slice of the cached pieces: nothing is copied until a batch is made.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.batch import round_up
from pet_mtl.cloze.shorten import ragged_arange

TEXT, LABEL_WORD = 1, 2  # marks of prompts; the other pieces have 0

IntArray = npt.NDArray[np.integer]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class RowBatch:
    """Rows as arrays, before anything is masked.

    Attributes:
        ids: `[N, L]` token ids; `N` is at least the number of rows (blank rows keep the shape).
        lengths: `[N]` tokens of each row, 1 for a blank one: it attends to its first token.
        may: `[N, L]` pieces that may be masked: neither special nor unknown.
        words: `[N, L]` where words begin, None where the rows do not know.
        marks: `[N, L]` of the strategy that needs them.
        rows: `n` row numbers; the first `n` of the `N` rows are theirs.
        tokens: real tokens.
    """

    ids: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    may: BoolArray
    words: BoolArray | None
    marks: ByteArray | None
    rows: npt.NDArray[np.int64]
    tokens: int

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """`N` row numbers, those of blank rows too."""
        return np.concatenate([self.rows, np.zeros(len(self.ids) - len(self.rows), np.int64)])


@dataclass(frozen=True)
class PieceRows:
    """Rows as slices of one long array.

    Attributes:
        pieces: token ids of all texts; may be memory-mapped.
        starts: `n` where the slice of a row begins.
        ends: `n` where it ends.
        before: special ids that open every row.
        after: special ids that close every row.
        maskable: `[V]` which ids may be masked.
        pad_id: the padding's id.
        words: like `pieces`, 1 where a word begins.
        marks: like `pieces`, the strategy's marks.
    """

    pieces: IntArray
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    before: tuple[int, ...]
    after: tuple[int, ...]
    maskable: BoolArray
    pad_id: int
    words: ByteArray | None = None
    marks: ByteArray | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """`n` row lengths in tokens, special ones counted."""
        lengths: npt.NDArray[np.int64] = (
            self.ends - self.starts + len(self.before) + len(self.after)
        )
        return lengths

    def batch(self, rows: npt.NDArray[np.int64], length: int, height: int) -> RowBatch:
        """Return rows as arrays.

        Args:
            rows: `n` row numbers.
            length: `L`, no row is longer.
            height: `N` of a full batch; a smaller one is filled up as `round_up` says.
        """
        count = len(rows)
        height = max(count, min(height, round_up(count)))
        starts = self.starts[rows]
        widths = self.ends[rows] - starts
        head = len(self.before)
        number, within = np.repeat(np.arange(count), widths), ragged_arange(widths)
        source, column = np.repeat(starts, widths) + within, within + head
        ids = np.full((height, length), self.pad_id, np.int64)
        ids[:count, :head] = self.before
        ids[number, column] = self.pieces[source]
        tail = (widths + head)[:, None] + np.arange(len(self.after))
        ids[np.arange(count)[:, None], tail] = self.after
        inside = np.zeros((height, length), bool)
        inside[number, column] = True
        words = marks = None
        if self.words is not None:
            words = np.ones((height, length), bool)
            words[number, column] = self.words[source] > 0
        if self.marks is not None:
            marks = np.zeros((height, length), np.uint8)
            marks[number, column] = self.marks[source]
        lengths = np.ones(height, np.int64)
        lengths[:count] = widths + head + len(self.after)
        may = inside & self.maskable[ids]
        return RowBatch(ids, lengths, may, words, marks, rows, int(lengths[:count].sum()))


def pack_rows(
    paragraphs: npt.NDArray[np.int64], documents: npt.NDArray[np.int64], room: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cut documents into rows.

    Args:
        paragraphs: where each paragraph's pieces end, its separator counted.
        documents: how many paragraphs there are up to each document's end.
        room: most pieces of a row; the separator that closes it is not counted, it is the row's
            own.

    Returns:
        Start and end of each row in the pieces, and its document.

    >>> starts, ends, document = pack_rows(np.array([4, 7, 20, 22]), np.array([3, 4]), room=7)
    >>> list(zip(starts.tolist(), ends.tolist(), document.tolist()))
    [(0, 6, 0), (7, 13, 0), (13, 19, 0), (20, 21, 1)]
    """
    begins = np.concatenate([[0], paragraphs[:-1]]).astype(np.int64)
    widths = paragraphs - begins - 1  # without the separator
    parts = np.maximum(1, -(-widths // room))
    paragraph = np.repeat(np.arange(len(widths)), parts)
    part, many = ragged_arange(parts), parts[paragraph]
    chunk_starts = begins[paragraph] + part * widths[paragraph] // many
    chunk_ends = begins[paragraph] + (part + 1) * widths[paragraph] // many
    of_document = np.searchsorted(documents, paragraph, side="right")
    # chunk after the document's last
    document_end = np.searchsorted(of_document, of_document, side="right")
    # the chunk after the last one that still fits into a row which this chunk opens
    after = np.minimum(np.searchsorted(chunk_ends, chunk_starts + room, side="right"), document_end)
    firsts, chunk, ends_at = [], 0, after.tolist()
    while chunk < len(ends_at):
        firsts.append(chunk)
        chunk = ends_at[chunk]
    opening = np.array(firsts, dtype=np.int64)
    return chunk_starts[opening], chunk_ends[after[opening] - 1], of_document[opening]
