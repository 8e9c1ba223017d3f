"""Read whole rows of a data file in any format, broken lines mended where it is clear how."""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pet_mtl.audit.broken_lines import Line, rejoin, text_places
from pet_mtl.audit.decoding import decode
from pet_mtl.audit.json_rows import keep_numbers, mend_value
from pet_mtl.audit.whole_rows import Change, Record, Records
from pet_mtl.data.delimited import uses_tabs
from pet_mtl.data.delimited_rows import quoted_rows, split_rows
from pet_mtl.data.files import data_format
from pet_mtl.data.json_values import array_values, holds_array, json_problem, parse_value
from pet_mtl.data.jsonl import plain_value
from pet_mtl.data.parquet import parquet_schema, table_columns, table_rows, with_nested
from pet_mtl.data.table import Request, locate, usual_width
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.task import LABEL_COLUMN
from pet_mtl.text import counted

MOST_PIECES = 4  # lines that one JSON object may have been cut into


def read_records(
    path: Path, request: Request, all_of_file: Sequence[Request] | None = None
) -> Records:
    """Read all rows of a file; what was mended and what is beyond repair stands in `changes`.

    Args:
        all_of_file: the requests of all that read it, this one alone where None: how lines are
            joined does not depend on who reads it first.

    Raises:
        PetMtlError: the file cannot be read at all, or lacks a wanted column.
    """
    suffix = data_format(path)
    if suffix == ".parquet":
        return _read_parquet(path, request)
    text, decoded = decode(path)
    changes = [Change(str(path), number, "mended", reason) for number, reason in decoded]
    if suffix in (".json", ".jsonl"):
        keys = _keys(path, request)
        is_array = holds_array(path)
        found = Records(path, "array" if is_array else "lines", keys, [], changes=changes)
        (_read_array if is_array else _read_lines)(text, found)
        _drop_incomplete(found, request)
        return found
    tabs = uses_tabs(path, suffix, request)
    bad_quotes: dict[int, str] = {}
    lines = (
        [Line(row.line, row.cells) for row in split_rows(text, "\t")]
        if tabs
        else _comma_lines(text, bad_quotes)
    )
    requests = all_of_file or [request]
    named = lines and not all(each.by_position for each in requests)
    header = [name.strip() for name in lines.pop(0).cells] if named else None
    found = Records(path, "tabs" if tabs else "commas", {}, [], header, changes=changes)
    counts = np.array([len(line.cells) for line in lines] or [0])
    width = len(header) if header else max(usual_width(counts, each) for each in requests)
    names = None if request.by_position else header
    found.places.update(locate(request, str(path), header=names, width=width))
    texts = text_places(path, requests, header, width)
    joined, beyond = rejoin(lines, width, texts, glue="" if tabs else " ")
    for line in joined:
        if line.pieces > 1:
            found.note(
                line.number,
                "joined",
                f"a stray line break had cut this row into {line.pieces} lines",
            )
        elif problem := bad_quotes.get(line.number):
            found.note(line.number, "mended", f"odd quotes, split as it stands: {problem}")
        found.records.append(Record(line.number, line.cells))
    for line in beyond:
        columns = counted(len(line.cells), "column")
        found.note(line.number, "dropped", f"not the {width} columns of a row: {columns}")
    return found


def reread(found: Records, request: Request) -> Records:
    """Return the same rows with the columns of another task; what is done to either is done to
    both.

    Raises:
        PetMtlError: the file lacks a wanted column.
    """
    if found.kind in ("lines", "array"):
        view = replace(found, places=_keys(found.path, request))
        _drop_incomplete(view, request)
        return view
    if found.kind == "parquet":
        view = replace(
            found, places={**table_columns(with_nested(found.schema), request, str(found.path))}
        )
        _drop_incomplete(view, request)
        return view
    # where the first task has positions, the header is a row
    header = found.header or [str(cell) for record in found.records[:1] for cell in record.cells]
    names = None if request.by_position else header
    places = locate(request, str(found.path), header=names, width=len(header))
    return replace(found, places=dict(places))


def _keys(path: Path, request: Request) -> dict[str, int | str]:
    if request.by_position:
        raise PetMtlError("`columns` holds positions, but JSON values have names", where=str(path))
    return {name: str(key) for name, key in request.columns.items()}


def _comma_lines(text: str, problems: dict[int, str]) -> list[Line]:
    """Parse comma-separated rows; a line that cannot be parsed is split at its commas as it
    stands, and `problems` gets why."""
    # lone carriage returns end lines too, line separators (U+2028) do not
    physical = io.StringIO(text, newline="").readlines()
    lines = []
    for line, cells, problem in quoted_rows(iter(physical)):
        if problem is not None:
            problems[line] = problem
            cells = physical[line - 1].rstrip("\r\n").split(",")
        lines.append(Line(line, cells))
    return lines


def _read_lines(text: str, found: Records) -> None:
    lines = [
        (number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
    ]
    at = 0
    while at < len(lines):
        number = lines[at][0]
        for pieces in range(1, MOST_PIECES + 1):
            value = _object("".join(piece for _, piece in lines[at : at + pieces]))
            if value is not None:
                break
        if value is None:
            found.note(number, "dropped", _why_no_object(lines[at][1]))
        else:
            if pieces > 1:
                found.note(
                    number, "joined", f"a stray line break had cut this row into {pieces} lines"
                )
            _add(found, number, value)
        at += pieces if value is not None else 1


def _object(text: str) -> dict[str, Any] | None:
    # not strict: control characters in texts are mended later
    value = parse_value(keep_numbers(text), strict=False)
    return value if isinstance(value, dict) else None


def _why_no_object(line: str) -> str:
    found = parse_value(line, strict=False)
    # `train` refuses a row for the other errors too, in whichever column
    other = isinstance(found, Exception) and not isinstance(found, JSONDecodeError)
    return json_problem(found)[0] if other else "no JSON object"


def _read_array(text: str, found: Records) -> None:
    stream = io.BytesIO(keep_numbers(text).encode())
    for item in array_values(stream, str(found.path), strict=False):
        if isinstance(item.value, dict):
            _add(found, item.number, item.value)
        else:
            found.note(item.number, "dropped", "no JSON object")


def _add(found: Records, number: int, value: dict[str, Any]) -> None:
    try:
        cells, kinds = mend_value(value)
    except RecursionError:  # readable, but at the edge of what can be written
        found.note(number, "dropped", "lists or objects are nested too deeply")
        return
    if kinds:
        found.note(number, "mended", ", ".join(kinds))
    found.records.append(Record(number, cells))


def _drop_incomplete(found: Records, request: Request) -> None:
    """Drop the rows of JSON and Parquet that lack a wanted value, which would look like repeats of
    one another, and those whose text is a list or an object.

    Raises:
        PetMtlError: all rows would go.
    """
    lack = ("no value in", "a value in") if found.kind == "parquet" else ("no key", "the key")
    for name in request.texts:
        _drop_where(found, request, name, _is_missing, *lack)
        _drop_where(found, request, name, _is_nested, "a list or an object as", "one text as")
    # a label that is a list is for the user to mend, as is one that the task lacks
    if request.labelled and LABEL_COLUMN in request.columns:
        _drop_where(found, request, LABEL_COLUMN, _is_none, *lack)


def _is_none(cell: Any) -> bool:
    """Say whether a cell holds no value; NaN and infinities stand for numbers that are missing."""
    return cell is None or (isinstance(cell, float) and not math.isfinite(cell))


def _is_missing(text: Any) -> bool:
    return _is_none(plain_value(text))


def _is_nested(text: Any) -> bool:
    return isinstance(plain_value(text), list | dict)


def _drop_where(
    found: Records,
    request: Request,
    name: str,
    wrong: Callable[[Any], bool],
    reason: str,
    needed: str,
) -> None:
    key = str(request.columns[name])
    dropped = [record for record in found.records if wrong(record.get(key))]
    if dropped and len(dropped) == len(found.records):
        message = f"no row has {needed} `{key}` (wanted by `columns.{name}`)"
        raise PetMtlError(message, where=str(found.path))
    for record in dropped:
        found.drop(record, f"{reason} `{key}`")
    found.prune()


def _read_parquet(path: Path, request: Request) -> Records:
    schema = parquet_schema(path)
    named: dict[str, int | str] = {**table_columns(with_nested(schema), request, str(path))}
    rows = table_rows(path, pa.int64())  # `dump` takes them as numbers
    records = [Record(number, cells) for number, cells in enumerate(rows, start=1)]
    found = Records(path, "parquet", named, records, schema=schema)
    _drop_incomplete(found, request)
    return found
