"""What the readers of all formats share: the chunk they hand over, the bad rows they collect, the
columns they need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal
from unicodedata import is_normalized

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pet_mtl.data.column_names import is_usual_name
from pet_mtl.data.encoding import SUCH_AS, likely_encoding
from pet_mtl.data.files import conversion
from pet_mtl.errors import PetMtlError, Problem
from pet_mtl.text import counted, normalize_text

SHOWN = 20
CHUNK_BYTES = 1 << 20
CHUNK_ROWS = 65_536


@dataclass(frozen=True)
class Request:
    """What to read from a file.

    Attributes:
        columns: field name to position or name.
        labelled: the label must be there.
        tolerant: read to score or predict: the file may lack the column of the ids.
        header: whether the first line names the columns, where `columns` holds positions: True
            leaves it out, None refuses one that looks so.
        encoding: of the file.
        separator: of the columns; None finds out whether it is a tab or a comma.
        width: how many columns each row has; None finds out.
        lists: a label may be a list, which is then its JSON text.
        blank_rows: a blank line is a row, as where each line is a text, so that the answers are in
            step with the lines.
    """

    columns: Mapping[str, int | str]
    labelled: bool = True
    tolerant: bool = False
    header: bool | None = None
    encoding: str = "utf-8"
    separator: str | None = None
    width: int | None = None
    lists: bool = False
    blank_rows: bool = False

    @property
    def by_position(self) -> bool:
        """Say whether the file has no header."""
        return any(isinstance(column, int) for column in self.columns.values())

    @property
    def texts(self) -> list[str]:
        """Return the fields, by position in the file where `columns` holds positions."""
        names = [name for name in self.columns if name not in ("label", "id")]
        return (
            sorted(names, key=lambda name: int(self.columns[name])) if self.by_position else names
        )

    @property
    def bare_texts(self) -> bool:
        """Say whether the file may hold the texts alone, in their order."""
        return self.tolerant and not self.labelled

    def of_names(self) -> "Request":
        """Return the request for data whose columns have names: those of the fields, where
        `columns` holds positions and the request is tolerant."""
        if not (self.by_position and self.tolerant):
            return self
        return replace(self, columns={name: name for name in self.columns})

    def may_lack(self, name: str) -> bool:
        """Say whether the file may be without the column of `name`."""
        return (name == "label" and not self.labelled) or (name == "id" and self.tolerant)


@dataclass(frozen=True)
class Chunk:
    """Some good rows: string columns by field name, physical lines (from 1), row numbers (from 0,
    bad rows counted)."""

    columns: dict[str, pa.Array]
    lines: NDArray[np.int64]
    numbers: NDArray[np.int64]


Fault = Literal["row", "value", "label"]


@dataclass(frozen=True)
class RowProblem(Problem):
    """What is wrong with a row; `fault` tells whether it is the row itself, a value that is not
    there, or a label that the task lacks."""

    fault: Fault = "row"


@dataclass
class BadRows:
    """The bad rows of one file: the first ones as problems, all of them counted.

    Attributes:
        header_hint: what to do where line 1, read as a row, is a header; None where it is none.
        encoding: that the file was found to have.
    """

    path: str
    keep: int = SHOWN
    unit: str = "line"
    count: int = 0
    problems: list[tuple[int, RowProblem]] = field(default_factory=list)
    header_hint: str | None = None
    encoding: str = "utf-8"

    def add(
        self,
        line: int,
        message: str | Exception,
        *,
        hint: str | None = None,
        fault: Fault = "row",
    ) -> None:
        """Note a bad row; beyond `keep` only the count grows, so that a wrong gigabyte file cannot
        fill the memory, and what an exception says is not asked."""
        self.count += 1
        if len(self.problems) < self.keep:
            place = (
                f"{self.path}:{line}" if self.unit == "line" else f"{self.path}: {self.unit} {line}"
            )
            self.problems.append((line, RowProblem(str(message), place, hint, fault)))

    def ordered(self) -> list[RowProblem]:
        """Return the problems in the order of the file, each hint once."""
        seen: set[str | None] = set()
        result = []
        for _, problem in sorted(self.problems, key=lambda pair: pair[0]):
            result.append(replace(problem, hint=None) if problem.hint in seen else problem)
            seen.add(problem.hint)
        return result

    def shown(self) -> list[Problem]:
        """Return the problems of the first bad rows, and one that counts the others."""
        shown: list[Problem] = [*self.ordered()[:SHOWN]]
        if self.count > len(shown):
            shown.append(Problem(f"and {self.count - len(shown)} more bad rows", self.path))
        return shown


def locate(
    request: Request, path: str, *, header: Sequence[str] | None, width: int
) -> dict[str, int]:
    """Return the position of each wanted column in a file of `width` columns.

    Raises:
        PetMtlError: a wanted column is not there (a label only where the request is `labelled`).
    """
    if header is not None:
        return _locate_names(request, path, header)
    columns = {name: int(position) for name, position in request.columns.items()}
    last = max(columns.values(), default=0)
    if request.bare_texts and last >= width and width == len(request.texts):
        return {name: place for place, name in enumerate(request.texts)}
    label = columns.get("label")
    if not request.labelled and label is not None and (last == width or label >= width):
        del columns["label"]
        # one column fewer than the training file: what stood behind the label moved up
        if last == width:
            columns = {name: position - (position > label) for name, position in columns.items()}
    missing = {name: position for name, position in columns.items() if position >= width}
    if missing:
        names = ", ".join(f"`{name}: {position}`" for name, position in missing.items())
        hint = (
            "positions count from 0; the columns are separated by tabs, or by commas in a "
            "`.csv` file"
        )
        if list(missing) == ["label"] and last == width:
            hint = (
                "a file without labels can be predicted or listed under `unlabelled`, not "
                "trained on or scored"
            )
        raise PetMtlError(
            f"rows have {counted(width, 'column')}, but `columns` wants {names}",
            where=path,
            hint=hint,
        )
    return columns


def _locate_names(request: Request, path: str, header: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    problems = []
    for name, column in request.columns.items():
        found_at = [place for place, title in enumerate(header) if title == column]
        if len(found_at) > 1:
            positions = " and ".join(map(str, found_at))
            message = f"the header names `{column}` twice (wanted by `columns.{name}`)"
            hint = (
                f"they are columns {positions}, counted from 0: rename one of them; in csv or tsv "
                "you can also delete the header and number all columns, with "
                f"`{name}: {found_at[0]}` or `{name}: {found_at[1]}`"
            )
            problems.append(Problem(message, path, hint))
        elif found_at:
            places[name] = found_at[0]
        elif not request.may_lack(name):
            wanted = normalize_text(str(column))
            alike = [title for title in header if normalize_text(title) == wanted]
            near = alike or get_close_matches(str(column), header, n=1)
            found = ", ".join(f"`{title[:40]}`" for title in header[:20])
            other = near and is_normalized("NFC", near[0]) != is_normalized("NFC", str(column))
            form = " (its accents are in another form of Unicode, NFC or NFD)" if other else ""
            hint = f"is it `{near[0]}`{form}? " if near else ""
            message = f"no column `{column}` (wanted by `columns.{name}`)"
            if request.tolerant and not any(map(is_usual_name, header)):
                hint = f"{hint}the first line must name the columns; "
            problems.append(Problem(message, path, f"{hint}the file has {found}"))
    if problems:
        raise PetMtlError(problems)
    return places


def width_message(found: int, expected: int) -> str:
    """Say that a row has the wrong number of columns.

    >>> width_message(1, 3)
    'row has 1 column, expected 3'
    """
    return f"row has {counted(found, 'column')}, expected {expected}"


def usual_width(widths: NDArray[np.integer], request: Request) -> int:
    """Return the most frequent number of columns that is enough for the request, the first row's
    among equals.

    Not simply the first row's: if that is the broken one, all others would be called broken.
    """
    if request.width is not None:
        return request.width
    label = request.columns.get("label")
    last = max(
        int(position)
        for name, position in request.columns.items()
        if request.labelled or name != "label"
    )
    moved_up = not request.labelled and label is not None and int(label) < last
    least = last + 1 - moved_up
    if request.bare_texts:
        least = min(least, len(request.texts))
    enough = widths[widths >= least]
    if not len(enough):
        enough = widths
    counts = np.bincount(enough)
    first = int(enough[0])
    return first if counts[first] == counts.max() else int(counts.argmax())


def checked_strings(values: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return binary `values` as strings, and the rows that are not UTF-8 (empty strings there)."""
    try:
        return values.cast(pa.string()), np.empty(0, np.int64)
    except pa.ArrowInvalid:
        bad = [row for row, value in enumerate(values.to_pylist()) if not _is_utf8(value)]
        mask = np.zeros(len(values), bool)
        mask[bad] = True
        return pc.if_else(pa.array(mask), b"", values).cast(pa.string()), np.array(bad, np.int64)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def encoding_problem(line: bytes, path: str) -> tuple[str, str]:
    """Return message and hint for a line that is not UTF-8.

    >>> message, hint = encoding_problem("新闻".encode("gb18030"), "a.csv")
    >>> print(message, hint, sep=chr(10))
    not UTF-8: byte 0xD0 at position 1 of the line
    this looks like GB18030; convert it: `iconv -f gb18030 -t utf-8 a.csv > a.utf8.csv`
    """
    position = 0
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        position = error.start
    message = f"not UTF-8: byte 0x{line[position]:02X} at position {position + 1} of the line"
    encoding = likely_encoding(line)
    if encoding is None:
        return message, (
            f"the line is damaged, or the file must be converted from its encoding{SUCH_AS}: "
            f"{conversion(Path(path), 'CHARSET')}"
        )
    hint = f"this looks like {encoding.upper()}; convert it: {conversion(Path(path), encoding)}"
    return message, hint
