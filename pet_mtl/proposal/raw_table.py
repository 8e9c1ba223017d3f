"""Any table as text, without knowing what is in it: separator, header, JSON keys and encoding are
found."""

import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pet_mtl.data.column_names import ID_NAMES, LABEL_NAMES, TEXT_NAMES
from pet_mtl.data.delimited_rows import DelimitedRow, refuse_swallowed, split_rows
from pet_mtl.data.encoding import find_encoding
from pet_mtl.data.files import (
    BYTE_ORDER_MARK,
    data_format,
    has_quotes,
    line_feeds,
    not_regular,
    open_bytes,
    read_whole,
)
from pet_mtl.data.json_values import array_values, line_values
from pet_mtl.data.jsonl import encodable, plain_value
from pet_mtl.errors import PetMtlError

SEPARATORS = "\t,;|"
NAMES = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
LOOKED_AT = 500  # rows that say what the separator is
LONGEST_NAME = 40  # characters of a column's name
DEEPEST = 3  # objects in objects
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
        PetMtlError: the file is missing, empty, or no table.
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
    if suffix == ".parquet":
        return _objects(path, *_parquet_rows(path))
    with open_bytes(path) as stream:
        raw = read_whole(stream, path)
    text, encoding = _decode(raw, path)
    if not text.strip():
        raise PetMtlError(
            "the file is empty",
            where=str(path),
            hint="give a file with a row a line, each with text and label",
        )
    if suffix in (".json", ".jsonl"):
        rows, skipped = _json_rows(text, path)
        table = _objects(path, "JSON, an object a row", rows, skipped)
    else:
        table = _delimited(path, suffix, text, header)
    if encoding != "utf-8":
        table.reasons[None] = f"it is {encoding.upper()}, not UTF-8"
    return table


def _decode(raw: bytes, path: Path) -> tuple[str, str]:
    """Return text and encoding; bytes of UTF-8 rows that are none become lone surrogates, by which
    these rows are left out."""
    encoding = find_encoding(raw, path)
    known = raw.removeprefix(BYTE_ORDER_MARK) if encoding == "utf-8" else raw
    try:
        text = known.decode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise PetMtlError("this is no text file", where=str(path), hint=NO_TABLE)
    return line_feeds(text, quotes=has_quotes(path)), encoding


def _delimited(path: Path, suffix: str, text: str, header: bool | None) -> RawTable:
    # the whole of it split at a wrong separator may be millions of rows: a text's lines, each alone
    usual = {each: _usual(split_rows(text, each, LOOKED_AT)) for each in SEPARATORS}
    # of equals the tab, which is seldom in texts, then what makes more columns
    separator = max(SEPARATORS, key=lambda each: (usual[each][0], each == "\t", usual[each][1]))
    width = usual[separator][1]
    if width < 2:
        raise PetMtlError(
            "this is no table: its lines have one column", where=str(path), hint=NO_TABLE
        )
    whole = split_rows(text, separator)
    refuse_swallowed(str(path), whole[-1].line, whole[-1].problem)
    parsed = [row.cells for row in whole if row.problem is None and len(row.cells) == width]
    rows = [cells for cells in parsed if encodable("".join(cells))]
    if not rows:
        raise PetMtlError("this is no text file", where=str(path), hint=NO_TABLE)
    skipped, damaged = len(whole) - len(rows), len(parsed) - len(rows)
    with_header = _has_header(rows) if header is None else header
    names: list[str | int] = list(range(width))
    reasons: dict[str | int | None, str] = {}
    if with_header:
        titles = [name.strip() for name in rows.pop(0)]
        names = [*_unique(titles)]
        if names != titles:
            reasons[None] = "columns without a name of their own"
    if not rows:
        raise PetMtlError("the file holds a header and no rows", where=str(path))
    first = text.lstrip("\r\n").split("\n", 1)[0]
    as_tabs = "\t" in first or suffix == ".tsv" or (not with_header and suffix != ".csv")
    if separator not in "\t," or as_tabs != (separator == "\t"):
        reasons[None] = f"its columns are separated by {NAMES[separator]}"
    if skipped > damaged:
        reasons[None] = f"{skipped - damaged} of its rows have another number of columns"
    if damaged:
        reasons[None] = f"{damaged} of its rows are not UTF-8"
    form = f"{NAMES[separator]} between columns, {'a header' if with_header else 'no header'}"
    return RawTable(
        path, form, names, [list(column) for column in zip(*rows, strict=True)], reasons, skipped
    )


def _usual(rows: Sequence[DelimitedRow]) -> tuple[float, int]:
    """Return how many of the rows have the usual number of columns (0 where that is one), and that
    number."""
    widths = Counter(len(row.cells) for row in rows)
    if not widths:
        return 0.0, 0
    width, count = widths.most_common(1)[0]
    return (count / widths.total() if width > 1 else 0.0), width


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether the first row names the columns.

    It does if its cells are short and no numbers, and one of them is a usual name; or if they are
    different, none of them comes again, and one stands above numbers or a few values that repeat.

    >>> _has_header([["text", "label"], ["a b", "0"]]), _has_header([["good film", "pos"],
    ...     ["bad", "neg"]])
    (True, False)
    """
    first, rest = [cell.strip() for cell in rows[0]], rows[1:LOOKED_AT]
    if not first[0] and len(first) > 2 and rest and all(row[0].strip().isdecimal() for row in rest):
        first, rest = first[1:], [row[1:] for row in rest]  # the nameless index that pandas writes
    if any(not c or len(c) > LONGEST_NAME or _is_number(c) for c in first):
        return False
    if {cell.lower() for cell in first} & (LABEL_NAMES | ID_NAMES | TEXT_NAMES):
        return True
    if len(set(first)) < len(first):
        return False
    columns = [set(cells) for cells in zip(*rest, strict=True)]
    if any(cell in below for cell, below in zip(first, columns, strict=False)):
        return False
    return any(all(map(_is_number, below)) or len(below) <= len(rest) / 4 for below in columns)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unique(names: Sequence[str]) -> list[str]:
    """Give each column a name of its own.

    >>> _unique(["a", "", "a"])
    ['a', 'column2', 'column3']
    """
    return [
        name if name and name not in names[:i] else f"column{i + 1}" for i, name in enumerate(names)
    ]


def _json_rows(text: str, path: Path) -> tuple[list[dict[str, Any]], int]:
    values = array_values if text.lstrip().startswith("[") else line_values
    stream = io.BytesIO(text.encode("utf-8", "surrogateescape"))
    items = [item.value for item in values(stream, str(path))]
    rows = [item for item in items if isinstance(item, dict)]
    if not rows:
        raise PetMtlError(
            "this is no table: it holds no JSON objects", where=str(path), hint=NO_TABLE
        )
    return rows, len(items) - len(rows)


def _parquet_rows(path: Path) -> tuple[str, list[dict[str, Any]], int]:
    import pyarrow as pa

    from pet_mtl.data.parquet import class_names, table_rows, whole_table

    table = whole_table(path)
    rows, known_names = table_rows(table, path, pa.string()), class_names(table.schema.metadata)
    for name, known in known_names.items():
        for row in rows:
            if isinstance(row.get(name), int) and 0 <= row[name] < len(known):
                row[name] = known[row[name]]
    return "parquet", rows, 0


def _objects(path: Path, form: str, rows: Sequence[dict[str, Any]], skipped: int) -> RawTable:
    if not rows:
        raise PetMtlError("the file holds no rows", where=str(path))
    table = RawTable(path, form, [], [], skipped=skipped)
    if skipped:
        table.reasons[None] = f"{skipped} of its rows are no JSON objects"
    rows = _decode_bytes([dict(_leaves(row)) for row in rows], table)
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        lists = [value for value in values if isinstance(value, list)]
        several = next(filter(None, lists), None)
        nested = any(isinstance(v, dict) for v in [*values, *(v for each in lists for v in each)])
        if nested:
            table.left_out[name] = f"`{name}` holds objects, in lists or deep in others"
        elif several:
            table.left_out[name] = (
                f"`{name}` holds lists of several values, such as {_cell(several)[:60]}"
            )
            table.lists[name] = [_list_text(value) for value in values]
        elif lists:
            table.left_out[name] = f"`{name}` holds empty lists"
        if not name or lists or nested:
            continue
        table.names.append(name)
        table.columns.append([_cell(value) for value in values])
        if any(value is None for value in values):
            table.reasons[name] = f"some values of `{name}` are missing"
    return table


def _leaves(row: dict[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the values of an object by their keys, those of objects in it as `data.text`."""
    for name, value in row.items():
        if isinstance(value, dict) and value and depth < DEEPEST:
            yield from _leaves(value, f"{before}{name}.", depth + 1)
        else:
            found = plain_value(value)
            # NaN, as programs write numbers that are missing
            missing = isinstance(found, float) and not math.isfinite(found)
            yield before + name, None if missing else found


def _decode_bytes(rows: list[dict[str, Any]], table: RawTable) -> list[dict[str, Any]]:
    """Return the rows with bytes, as Hive writes texts, decoded, without those that are not UTF-8
    and without columns of other bytes, such as pictures.

    Raises:
        PetMtlError: no row is left.
    """
    damaged: dict[str, set[int]] = {}
    filled: Counter[str] = Counter()
    for number, row in enumerate(rows):
        for name, value in row.items():
            if isinstance(value, bytes | list):
                filled[name] += 1
                try:
                    row[name] = _decoded(value)
                except UnicodeDecodeError:
                    damaged.setdefault(name, set()).add(number)
    for name in [name for name, found in damaged.items() if len(found) > filled[name] / 2]:
        table.left_out[name] = f"`{name}` holds bytes that are not UTF-8"
        del damaged[name]
        rows = [{key: value for key, value in row.items() if key != name} for row in rows]
    bad = set[int]().union(*damaged.values())
    if not bad:
        return rows
    if len(bad) == len(rows):
        raise PetMtlError("no row is UTF-8", where=str(table.path), hint=NO_TABLE)
    table.skipped += len(bad)
    table.reasons[None] = f"{len(bad)} of its rows are not UTF-8"
    return [row for number, row in enumerate(rows) if number not in bad]


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _list_text(value: Any) -> str:
    """Return a cell of a column of lists as JSON; lists of one value have lost their brackets."""
    if value is None:
        return ""
    items = value if isinstance(value, list) else [value]
    return json.dumps([_cell(item) for item in items], ensure_ascii=False)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text
