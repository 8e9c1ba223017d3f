"""Any table as text, without knowing what is in it: separator, header, JSON keys and encoding are
found."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pet_mtl.data.delimited_rows import refuse_swallowed, rows_of_lines
from pet_mtl.data.encoding import as_utf8, find_encoding, not_utf8
from pet_mtl.data.files import (
    BYTE_ORDER_MARK,
    data_format,
    has_quotes,
    lines_of,
    not_regular,
    open_bytes,
)
from pet_mtl.data.json_values import array_values, holds_array, line_values
from pet_mtl.data.tolerant import SEPARATORS
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.damaged_rows import DamagedRows, checked_values
from pet_mtl.proposal.header import has_header, is_number, lines_above
from pet_mtl.proposal.held_cells import HeldCells
from pet_mtl.proposal.raw_objects import (
    Columns,
    cell_text,
    json_columns,
    list_text,
    parquet_columns,
)

NAMES = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
LOOKED_AT = 500  # rows that say what the separator is
NO_TABLE = "give a table with a text and a label in each row: csv, tsv, json lines or parquet"


@dataclass
class RawTable:
    """A table whose cells are text; a cell without a value is empty.

    Attributes:
        names: of the columns; positions where the file has no header.
        columns: the cells, column by column.
        reasons: why `train` could not read the file as it is, by column; under None what holds for
            the whole file.
        skipped: rows that are none.
        left_out: why a column is none, by name.
        lists: columns of lists of plain values, as JSON text: perhaps sets of labels.
    """

    path: Path
    form: str
    names: list[str | int]
    columns: list[list[str]]
    reasons: dict[str | int | None, str] = field(default_factory=dict)
    skipped: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0


def read_raw_table(path: Path, header: bool | None = None) -> RawTable:
    """Read a table; `header` says whether the first line names the columns, None finds out.

    Raises:
        PetMtlError: the file is missing, empty, or no table; its columns have names without any
            first line.
    """
    if not path.is_file():
        if path.exists() and not path.is_dir():
            raise not_regular(path)
        raise PetMtlError(
            "is a folder, not a file" if path.is_dir() else "file not found",
            where=str(path),
            hint="give a csv, tsv, json lines or parquet file",
        )
    suffix = data_format(path)
    if header is not None and suffix in (".parquet", ".json", ".jsonl"):
        raise PetMtlError(
            "its rows name their columns: there is no first line to tell",
            where=str(path),
            hint="leave `--header` and `--no-header` out",
        )
    if suffix == ".parquet":
        return _objects(path, "parquet", parquet_columns(path), 0)
    encoding = find_encoding(path)
    try:
        if suffix in (".json", ".jsonl"):
            table = _json(path, encoding)
        else:
            table = _delimited(path, suffix, encoding, header)
    except UnicodeDecodeError as error:
        raise _no_text(path) from error
    if reason := not_utf8(encoding, path):
        table.reasons[None] = reason
    return table


def _no_text(path: Path) -> PetMtlError:
    return PetMtlError("this is no text file", where=str(path), hint=NO_TABLE)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines of a file; bytes of UTF-8 rows that are none become lone surrogates, by which
    these rows are left out.

    Raises:
        PetMtlError: a line is longer than any row, or holds a NUL.
        UnicodeDecodeError: the encoding is another one, and not all of the file is in it.
    """
    with open_bytes(path) as stream:
        utf8 = as_utf8(stream, encoding, quotes=has_quotes(path), errors="strict")
        for number, line in enumerate(lines_of(utf8, path)):
            known = line if number else line.removeprefix(BYTE_ORDER_MARK)
            if b"\0" in known:
                raise PetMtlError(
                    "this is no text file: a NUL character stands in the line",
                    where=f"{path}:{number + 1}",
                    hint="take it out if all else is a table",
                )
            yield known.decode("utf-8", "surrogateescape")


def _first_line(path: Path, encoding: str) -> str:
    """Return the first line that is not empty.

    Raises:
        PetMtlError: the file holds nothing but white space.
    """
    first = ""
    for line in _lines(path, encoding):
        first = first or line.rstrip("\r\n")
        if line.strip():
            return first
    raise PetMtlError(
        "the file is empty",
        where=str(path),
        hint="give a file with a row a line, each with text and label",
    )


def _separator(path: Path, encoding: str) -> tuple[str, int]:
    """Return what separates the columns, by the first rows, and how many there are.

    Raises:
        PetMtlError: there is one.
    """
    usual = {
        each: _usual([*islice(rows_of_lines(_lines(path, encoding), each), LOOKED_AT)])
        for each in SEPARATORS
    }
    # of equals the tab, which is seldom in texts, then what makes more columns
    separator = max(SEPARATORS, key=lambda each: (usual[each][0], each == "\t", usual[each][1]))
    width = usual[separator][1]
    if width < 2:
        raise PetMtlError(
            "this is no table: its lines have one column", where=str(path), hint=NO_TABLE
        )
    return separator, width


class _Rows:
    """The rows of a delimited file of `width` columns, column by column, and counts of the
    others."""

    def __init__(self, path: Path, encoding: str, separator: str, width: int) -> None:
        self.columns: list[list[str]] = [[] for _ in range(width)]
        self.damaged, self.others = DamagedRows(path), 0
        held = HeldCells(path)
        last, problem = 0, None
        for line, cells, problem in rows_of_lines(_lines(path, encoding), separator):
            last = line
            if problem is not None or len(cells) != width:
                self.others += 1
            elif self.damaged.is_damaged(line, separator.join(cells)):
                continue
            else:
                for column, cell in zip(self.columns, cells, strict=True):
                    column.append(held.text(cell))
                held.check()
        refuse_swallowed(str(path), last, problem)
        self.damaged.refuse()

    def first(self, most: int) -> list[list[str]]:
        """Return the first rows."""
        parts = [column[:most] for column in self.columns]
        return [list(cells) for cells in zip(*parts, strict=True)]


def _delimited(path: Path, suffix: str, encoding: str, header: bool | None) -> RawTable:
    first = _first_line(path, encoding)
    separator, width = _separator(path, encoding)
    rows = _Rows(path, encoding, separator, width)
    if not rows.columns[0]:
        raise _no_text(path)
    looked_at = rows.first(LOOKED_AT)
    named = has_header(looked_at)
    above = 0 if named or header is False else lines_above(looked_at)
    with_header = (named or above > 0) if header is None else header
    names: list[str | int] = list(range(width))
    reasons: dict[str | int | None, str] = {}
    if above:
        reasons[None] = "lines of another form stand above its header"
        for column in rows.columns:
            del column[:above]
    if with_header:
        titles = [column.pop(0).strip() for column in rows.columns]
        names = [*_unique(titles)]
        if names != titles:
            reasons[None] = "columns without a name of their own"
    if not rows.columns[0]:
        raise PetMtlError("the file holds a header and no rows", where=str(path))
    as_tabs = "\t" in first or suffix == ".tsv" or (not with_header and suffix != ".csv")
    if separator not in "\t," or as_tabs != (separator == "\t"):
        reasons[None] = f"its columns are separated by {NAMES[separator]}"
    if rows.others:
        reasons[None] = f"{rows.others} of its rows have another number of columns"
    if rows.damaged.count:
        reasons[None] = f"{rows.damaged.count} of its rows are not UTF-8"
    for name, column in zip(names, rows.columns, strict=True):
        if _take_nan_out(column):
            reasons[name] = f"some values of `{name}` are missing"
    form = f"{NAMES[separator]} between columns, {'a header' if with_header else 'no header'}"
    return RawTable(
        path, form, names, rows.columns, reasons, rows.others + rows.damaged.count + above
    )


def _usual(rows: Sequence[tuple[int, list[str], str | None]]) -> tuple[float, int]:
    """Return how many of the rows have the usual number of columns (0 where that is one), and that
    number."""
    widths = Counter(len(cells) for _, cells, _ in rows)
    if not widths:
        return 0.0, 0
    width, count = widths.most_common(1)[0]
    return (count / widths.total() if width > 1 else 0.0), width


def _take_nan_out(column: list[str]) -> bool:
    """Empty the cells of a column of numbers that are `nan`, as programs write a missing one, and
    say whether there were some."""
    missing = [row for row, cell in enumerate(column) if cell.strip().lower() == "nan"]
    if missing and all(is_number(cell) for cell in column if cell):
        for row in missing:
            column[row] = ""
        return True
    return False


def _unique(names: Sequence[str]) -> list[str]:
    """Give each column a name of its own.

    >>> _unique(["a", "", "a"]), _unique(["column2", ""])
    (['a', 'column2', 'column3'], ['column2', 'column2_'])
    """
    first = {name: place for place, name in reversed([*enumerate(names)]) if name}
    taken, own = {*first}, [*names]
    for place, name in enumerate(names):
        if first.get(name) != place:
            own[place] = f"column{place + 1}"
            while own[place] in taken:
                own[place] += "_"
            taken.add(own[place])
    return own


def _json(path: Path, encoding: str) -> RawTable:
    _first_line(path, encoding)
    values = array_values if holds_array(path, encoding) else line_values
    with open_bytes(path) as stream:
        utf8 = as_utf8(stream, encoding, quotes=has_quotes(path), errors="strict")
        columns, skipped = json_columns(checked_values(values(utf8, str(path)), path), path)
    if not columns.rows:
        raise PetMtlError(
            "this is no table: it holds no JSON objects", where=str(path), hint=NO_TABLE
        )
    return _objects(path, "JSON, an object a row", columns, skipped)


def _objects(path: Path, form: str, columns: Columns, skipped: int) -> RawTable:
    if not columns.rows:
        raise PetMtlError("the file holds no rows", where=str(path))
    table = RawTable(path, form, [], [], skipped=skipped)
    if skipped:
        table.reasons[None] = f"{skipped} of its rows are no JSON objects"
    _leave_out_damaged(columns, table)
    for name, values in columns.values.items():
        lists = [value for value in values if isinstance(value, list)]
        several = next(filter(None, lists), None)
        nested = any(isinstance(v, dict) for v in [*values, *(v for each in lists for v in each)])
        if nested:
            table.left_out[name] = f"`{name}` holds objects, in lists or deep in others"
        elif several:
            table.left_out[name] = (
                f"`{name}` holds lists of several values, such as {cell_text(several)[:60]}"
            )
            table.lists[name] = [list_text(value) for value in values]
        elif lists:
            table.left_out[name] = f"`{name}` holds empty lists"
        if not name or lists or nested:
            continue
        table.names.append(name)
        table.columns.append([cell_text(value) for value in values])
        if any(value is None for value in values):
            table.reasons[name] = f"some values of `{name}` are missing"
    return table


def _leave_out_damaged(columns: Columns, table: RawTable) -> None:
    """Take out columns of bytes that are no text, such as pictures, and the rows of other columns
    that are not UTF-8.

    Raises:
        PetMtlError: no row is left.
    """
    for name, found in [*columns.damaged.items()]:
        if len(found) > columns.filled[name] / 2:
            table.left_out[name] = f"`{name}` holds bytes that are not UTF-8"
            del columns.damaged[name], columns.values[name]
    bad = set[int]().union(*columns.damaged.values())
    if not bad:
        return
    if len(bad) == columns.rows:
        raise PetMtlError("no row is UTF-8", where=str(table.path), hint=NO_TABLE)
    table.skipped += len(bad)
    table.reasons[None] = f"{len(bad)} of its rows are not UTF-8"
    for name, values in columns.values.items():
        columns.values[name] = [value for row, value in enumerate(values) if row not in bad]
    columns.rows -= len(bad)
