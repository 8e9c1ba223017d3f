"""The one parser of delimited text for reading, `data clean` and `init`: rows and their cells; and
the one writer of comma-separated values, which it reads back.

What they do with a row that cannot be parsed is their own: reading reports it, cleaning mends it,
`init` leaves it out. (`delimited.read_tabs` splits whole blocks in Arrow, and is tested against
this.)
"""

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, Self

from pet_mtl.data.files import LONGEST_LINE, too_long_line
from pet_mtl.errors import PetMtlError

UNCLOSED = "a quote opens here and is never closed"
LONE_RETURN = "a carriage return (CR) without a line feed (LF) stands outside quotes"
TOO_LONG = "the cell is longer than any row"
SWALLOWING = (UNCLOSED, TOO_LONG)  # what ends the rows of most readers
_Row = tuple[int, list[str], str | None]


class DelimitedRow(NamedTuple):
    """A row, the physical line (from 1) that it starts on, and why it cannot be parsed, if so."""

    line: int
    cells: list[str]
    problem: str | None = None


def split_rows(text: str, separator: str, most: int | None = None) -> list[DelimitedRow]:
    r"""Split a text, no further than its first `most` rows, into rows; blank lines are none.

    >>> [tuple(row) for row in split_rows('a\t"b\n\nc\td', "\t")]
    [(1, ['a', '"b'], None), (3, ['c', 'd'], None)]
    >>> [row.cells for row in split_rows('a,"b\n\nc",d', ",")]
    [['a', 'b\n\nc', 'd']]
    """
    rows = rows_of_lines(io.StringIO(text, newline="\n"), separator)
    return [DelimitedRow(*row) for row in islice(rows, most)]


def rows_of_lines(lines: Iterable[str], separator: str) -> Iterator[_Row]:
    """Yield line, cells and problem of the rows of lines, as `split_rows` has them."""
    if separator != "\t":
        for read in quoted_rows(lines, separator):
            yield read
            if read[2] in SWALLOWING:
                return
        return
    for number, line in enumerate(lines, start=1):
        if row := line.removesuffix("\n").removesuffix("\r"):
            yield number, row.split("\t"), None


class _CsvLines:
    """Lines for a csv reader, which gives those that a broken row had swallowed once more."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.first = 1  # line of the row that is read
        self.taken: list[str] = []  # its lines so far
        self._size = 0
        self._new, self._again = iter(lines), deque[str]()
        self._spoilt, self._error = 0, ""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if self.taken:
            # quotes that are open here were open before, and ended as they will again: without this
            # each of many stray quotes would have all lines behind it read anew
            if self.first + len(self.taken) <= self._spoilt:
                raise csv.Error(self._error)
            self._size += len(self.taken[-1])
            if self._size > LONGEST_LINE:  # of many cells, none of which is
                raise csv.Error("field larger than any row")
        line = self._again.popleft() if self._again else next(self._new)
        self.taken.append(line)
        return line

    def close_row(self) -> None:
        self.first += len(self.taken)
        self.taken, self._size = [], 0

    def go_back(self, error: str) -> None:
        """Give up the first line of the row alone."""
        end = self.first + len(self.taken) - 1
        if end > self._spoilt:
            self._spoilt, self._error = end, error
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        self.close_row()


def quoted_rows(lines: Iterable[str], separator: str = ",") -> Iterator[_Row]:
    """Yield line, cells and problem of the rows of lines with quotes as in RFC 4180; blank lines
    are none. (Plain tuples: making named ones is slow.)

    A row with a problem is its first line; the next line is read as a new row. A quote that is
    never closed, or not within the longest row, may have swallowed all lines that follow: see
    `SWALLOWING`.
    """
    # process-wide, hence given back; the default refuses long texts
    limit = csv.field_size_limit(LONGEST_LINE)
    try:
        given = _CsvLines(lines)
        reader = csv.reader(given, strict=True, delimiter=separator)
        while True:
            start = given.first
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                given.go_back(str(error))
                yield start, ["?"], _told(str(error))
                continue
            given.close_row()
            if cells:
                yield start, cells, None
    finally:
        csv.field_size_limit(limit)


class _Lines(list[str]):
    """Rows as a csv writer hands them over, each ended by CR and LF, kept with LF alone."""

    def write(self, row: str) -> None:
        self.append(row.removesuffix("\r\n") + "\n")


def quoted_text(rows: Iterable[Iterable[Any]]) -> str:
    r"""Return rows as comma-separated values with LF line ends; `quoted_rows` reads them back.

    >>> quoted_text([["a\rb", 1], ["c,d", 2]])
    '"a\rb",1\n"c,d",2\n'
    """
    lines, rows = _Lines(), iter(rows)
    first = list(next(rows, ()))
    # without quotes in the first line a tab would separate the columns (`delimited.uses_tabs`), and
    # U+FEFF at its start would be a byte order mark
    odd = any(str(cell).startswith("\ufeff") or "\t" in str(cell) for cell in first)
    # `lineterminator="\n"` would leave a cell with CR without quotes: csv looks for its line ends
    if first:
        csv.writer(lines, quoting=csv.QUOTE_ALL if odd else csv.QUOTE_MINIMAL).writerow(first)
    csv.writer(lines).writerows(rows)
    return "".join(lines)


def _told(error: str) -> str:
    """Return what we say of an error of `csv`."""
    if "field larger than" in error:
        return TOO_LONG
    if error == "unexpected end of data":
        return UNCLOSED
    return LONE_RETURN if "new-line character" in error else f"not comma-separated values: {error}"


def refuse_swallowed(path: str, line: int, problem: str | None) -> None:
    """Raise the error for a row that swallowed the rest of a file, which is no row to skip.

    Raises:
        PetMtlError: it did.
    """
    if problem == TOO_LONG:
        raise too_long_line(path, line)
    if problem == UNCLOSED:
        raise PetMtlError(UNCLOSED, where=f"{path}:{line}")
