"""Rows without labels in blocks, read again whenever they are wanted: memory does not grow with the
file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pet_mtl.data.arrow import use_arrow
from pet_mtl.data.encoding import tell_encoding
from pet_mtl.data.readers import chunk_makers, empty_file, request_of, rows_of
from pet_mtl.data.rows import Rows
from pet_mtl.data.table import BadRows
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.task import TaskSpec

BLOCK_ROWS = 32_768
BLOCK_BYTES = 32 << 20  # of text


@dataclass(frozen=True)
class RowStream:
    """Rows of one task in their order.

    Attributes:
        length: how many.
        size: bytes of their text.
        paths: the files they come from.
        blocks: reads them, at most `BLOCK_ROWS` and about `BLOCK_BYTES` at a time.
    """

    length: int
    size: int
    paths: frozenset[str]
    blocks: Callable[[], Iterator[Rows]]

    @staticmethod
    def of(rows: Rows) -> "RowStream":
        """Return rows that are in memory."""
        paths = frozenset(segment.path for segment in rows.sources.segments)
        return RowStream(
            len(rows), _size(rows), paths, lambda: cut([rows], BLOCK_ROWS, BLOCK_BYTES)
        )


def open_rows(source: str, task: TaskSpec, *, base: Path, header: bool | None = None) -> RowStream:
    """Go through all rows once, keeping none, and return what reads them again.

    Raises:
        PetMtlError: what `read_rows` raises for rows without labels, with all problems.
    """
    use_arrow()
    problems, files = ProblemList(), list[BadRows]()
    length, size = 0, 0
    for path, make_chunks in chunk_makers(source, base, request_of(task, False, True, header)):
        bad, before = BadRows(path), length
        try:
            for chunk in make_chunks(bad):
                rows, _ = rows_of([chunk], task, False, 0, bad, tolerant=True)
                length, size = length + len(rows), size + _size(rows)
            if length == before and not bad.count:
                raise empty_file(path)
        except PetMtlError as error:
            problems.extend(error)
            continue
        tell_encoding(bad.encoding, Path(path), path)
        files.append(bad)
    problems.problems.extend(problem for bad in files for problem in bad.shown())
    problems.raise_if_any()
    return RowStream(
        length,
        size,
        frozenset(bad.path for bad in files),
        lambda: cut(_parts(source, task, base, header), BLOCK_ROWS, BLOCK_BYTES),
    )


def stream_rows(
    source: str,
    task: TaskSpec,
    *,
    base: Path,
    size: int,
    header: bool | None = None,
) -> Iterator[Rows]:
    """Yield rows without labels in parts of `size`, as `read_rows` reads them to be predicted.

    Raises:
        PetMtlError: nothing is there or can be read, or a row is bad; the parts before it were
            yielded.
    """
    found = False
    for part in cut(_parts(source, task, base, header, tell=True), size):
        found = True
        yield part
    if not found:
        raise PetMtlError("there are no rows", where=source)


def _parts(
    source: str, task: TaskSpec, base: Path, header: bool | None, *, tell: bool = False
) -> Iterator[Rows]:
    """Yield the rows of a source as its files are read; `tell` of encodings that are not usual."""
    use_arrow()
    first_row = 0
    for path, make_chunks in chunk_makers(source, base, request_of(task, False, True, header)):
        bad, length = BadRows(path), 0
        for chunk in make_chunks(bad):
            part, _ = rows_of([chunk], task, False, first_row, bad, tolerant=True)
            if bad.count:
                raise PetMtlError(bad.shown())
            if tell and not length:
                tell_encoding(bad.encoding, Path(path), path)
            length += len(part)
            yield part
        if bad.count:
            raise PetMtlError(bad.shown())
        first_row += length


def cut(parts: Iterable[Rows], most: int, most_bytes: int | None = None) -> Iterator[Rows]:
    """Yield the same rows in blocks of `most`, the last one smaller, and any that has reached
    `most_bytes` of text.

    >>> rows = Rows.of({"title": ["a", "b", "c", "d", "e"]})
    >>> [block.fields["title"].to_pylist() for block in cut([rows, rows.take(np.array([0]))], 4)]
    [['a', 'b', 'c', 'd'], ['e', 'a']]
    """
    waiting: list[Rows] = []
    count = size = 0
    for part in parts:
        start = 0
        while start < len(part):
            end = min(len(part), start + most - count)
            whole = start == 0 and end == len(part)
            piece = part if whole else part.take(np.arange(start, end))
            waiting.append(piece)
            start = end
            count += len(piece)
            size += _size(piece)
            if count == most or (most_bytes is not None and size >= most_bytes):
                yield Rows.concat(waiting)
                waiting, count, size = [], 0, 0
    if waiting:
        yield Rows.concat(waiting)


def _size(rows: Rows) -> int:
    return sum(column.nbytes for column in rows.fields.values())
