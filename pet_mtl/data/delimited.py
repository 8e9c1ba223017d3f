"""Read tab-separated files (quotes are text) and comma-separated ones (quoted as in RFC 4180)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pet_mtl.data.column_names import looks_like_header
from pet_mtl.data.delimited_rows import LONE_RETURN, quoted_rows, refuse_swallowed
from pet_mtl.data.encoding import as_utf8
from pet_mtl.data.files import (
    BYTE_ORDER_MARK,
    LONGEST_LINE,
    first_line,
    lines_of,
    open_bytes,
    too_long_line,
)
from pet_mtl.data.table import (
    CHUNK_BYTES,
    CHUNK_ROWS,
    BadRows,
    Chunk,
    Request,
    checked_strings,
    encoding_problem,
    locate,
    usual_width,
    width_message,
)
from pet_mtl.errors import PetMtlError

COMMA_HINT = 'a text that holds `,` or `"` stands in quotes, and each quote in it is doubled'
HEADER_HINT = "is line 1 a header? then write names instead of positions in `columns`"
# the columns of a checkpoint stay as they are
DELETE_HINT = "is line 1 a header? then delete it: columns are read by position here"
RETURN_HINT = "if CR ends the rows, save the file with LF line ends; in a text, CR stands in quotes"
_QUOTED_CELL = re.compile(rb'(?:^|,)"(?:[^"]|"")*"(?=,|\r?\n?$)')


def read_delimited(path: Path, suffix: str, request: Request, bad: BadRows) -> Iterator[Chunk]:
    """Yield the good rows of a delimited file in chunks and note the bad ones; blank lines are no
    rows."""
    if request.by_position:
        bad.header_hint = DELETE_HINT if request.tolerant else HEADER_HINT
    separator = request.separator or ("\t" if uses_tabs(path, suffix, request) else ",")
    with open_bytes(path) as stream:
        text = as_utf8(stream, request.encoding, quotes=separator != "\t")
        if separator == "\t":
            yield from read_tabs(text, request, bad)
        else:
            yield from _read_commas(text, request, bad, separator)


def uses_tabs(path: Path, suffix: str, request: Request) -> bool:
    """Say whether tabs separate the columns, not commas.

    They do if the first line holds one, but within a quoted cell, or the file is `.tsv`. Without a
    header, only `.csv` files are split at commas: Tianchi's `.csv` files hold tabs, and their texts
    hold commas.
    """
    tabs = b"\t" in _QUOTED_CELL.sub(b"", first_line(path))
    return tabs or suffix == ".tsv" or (request.by_position and suffix != ".csv")


def _blocks(stream: BinaryIO, path: str) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks of whole lines, each without its last line end.

    Raises:
        PetMtlError: a line is longer than any row.
    """
    rest = stream.read(CHUNK_BYTES).removeprefix(BYTE_ORDER_MARK)
    line = 1
    while True:
        more = stream.read(CHUNK_BYTES)
        if not more:
            break
        cut = rest.rfind(b"\n")
        if cut < 0:
            if len(rest) > LONGEST_LINE:
                raise too_long_line(path, line)
            rest += more
            continue
        yield rest[:cut]
        line += rest.count(b"\n")
        rest = rest[cut + 1 :] + more
    if rest:
        yield rest.removesuffix(b"\n")


def read_tabs(stream: BinaryIO, request: Request, bad: BadRows) -> Iterator[Chunk]:
    """Yield the good rows of tab-separated UTF-8 in chunks and note the bad ones."""
    places: dict[str, int] | None = None
    width = line = row = 0
    for block in _blocks(stream, bad.path):
        # Arrow's own CSV reader takes a lone carriage return for a line end and stops at stray
        # bytes without saying on which line; splitting whole blocks is as fast, and exact.
        lines = pc.split_pattern(pa.array([block], pa.binary()), pattern="\n").flatten()
        lines = pc.if_else(pc.ends_with(lines, "\r"), pc.binary_slice(lines, 0, -1), lines)
        numbers = line + 1 + np.arange(len(lines), dtype=np.int64)
        line += len(lines)
        filled = pc.binary_length(lines).to_numpy() > 0
        if not filled.all() and not request.blank_rows:
            lines, numbers = lines.filter(pa.array(filled)), numbers[filled]
        if places is None and len(lines) and not request.by_position:
            header = _header(lines[0].as_py(), bad.path, int(numbers[0])).split("\t")
            width = len(header)
            places = locate(
                request, bad.path, header=[name.strip() for name in header], width=width
            )
            lines, numbers = lines[1:], numbers[1:]
        if not len(lines):
            continue
        cells = pc.split_pattern(lines, pattern="\t")
        widths = pc.list_value_length(cells).to_numpy()
        if places is None:
            width = usual_width(widths, request)
            places = locate(request, bad.path, header=None, width=width)
            head = int(filled.argmax()) if request.blank_rows else 0  # the first that is not blank
            first = lines[head].as_py().decode("utf-8", "replace").split("\t")
            if leave_out_header(first, places, request, bad.path):
                lines, cells = lines[head + 1 :], cells[head + 1 :]
                numbers, widths = numbers[head + 1 :], widths[head + 1 :]
        good = widths == width
        rows = row + np.arange(len(lines), dtype=np.int64)
        row += len(lines)
        if not good.all():
            for index in np.flatnonzero(~good):
                bad.add(int(numbers[index]), width_message(int(widths[index]), width))
            kept = pa.array(good)
            lines, cells = lines.filter(kept), cells.filter(kept)
            numbers, rows = numbers[good], rows[good]
        flat = cells.flatten()
        binary = {
            name: flat.take(pa.array(np.arange(place, len(flat), width)))
            for name, place in places.items()
        }
        yield _decoded(binary, lines, Chunk({}, numbers, rows), bad)


def leave_out_header(
    cells: Sequence[str], places: Mapping[str, int], request: Request, path: str
) -> bool:
    """Say whether the first line is left out where columns are positions; refuse a header, which
    would be predicted as a row. With labels, its label is unknown.

    Raises:
        PetMtlError: the first line names the columns, and nobody said so.
    """
    if request.header is None and not request.labelled and looks_like_header(cells, places):
        way_out = (
            "leave it out with `--header`, or say with `--no-header` that it is a row"
            if request.tolerant
            else "delete the first line, or train with names instead of positions in `columns`"
        )
        raise PetMtlError(
            "the first line looks like a header "
            f"({', '.join(f'`{cell[:40]}`' for cell in cells[:5])}), "
            "but columns are read by position here, as in files without one",
            where=f"{path}:1",
            hint=way_out,
        )
    return request.header is True


def _header(line: bytes, path: str, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        message, hint = encoding_problem(line, path)
        raise PetMtlError(message, where=f"{path}:{number}", hint=hint) from error


def _decoded(binary: dict[str, pa.Array], lines: pa.Array, chunk: Chunk, bad: BadRows) -> Chunk:
    """Return the chunk with its columns as strings, without the rows that are not UTF-8."""
    columns = {}
    damaged: set[int] = set()
    for name, values in binary.items():
        columns[name], wrong = checked_strings(values)
        damaged.update(wrong.tolist())
    if not damaged:
        return Chunk(columns, chunk.lines, chunk.numbers)
    for index in sorted(damaged):
        message, hint = encoding_problem(lines[index].as_py(), bad.path)
        bad.add(int(chunk.lines[index]), message, hint=hint)
    good = np.ones(len(lines), bool)
    good[list(damaged)] = False
    kept = pa.array(good)
    return Chunk(
        {name: c.filter(kept) for name, c in columns.items()},
        chunk.lines[good],
        chunk.numbers[good],
    )


def _read_commas(
    stream: BinaryIO, request: Request, bad: BadRows, separator: str
) -> Iterator[Chunk]:
    places: dict[str, int] | None = None
    width = row = 0
    for rows, lines, failures in _comma_rows(stream, bad.path, separator):
        first = 0
        if places is None and not request.by_position:
            if 0 in failures:
                hint = _hint(failures[0])
                raise PetMtlError(failures[0], where=f"{bad.path}:{lines[0]}", hint=hint)
            _header(",".join(rows[0]).encode("utf-8", "surrogateescape"), bad.path, lines[0])
            width = len(rows[0])
            places = locate(
                request, bad.path, header=[name.strip() for name in rows[0]], width=width
            )
            first = 1
        if places is None:
            widths = [len(cells) for index, cells in enumerate(rows) if index not in failures]
            width = usual_width(np.array(widths or [0]), request)
            places = locate(request, bad.path, header=None, width=width)
            names = rows[0] if rows and 0 not in failures else []
            first = int(leave_out_header(names, places, request, bad.path))
        good = []
        for index in range(first, len(rows)):
            if index in failures:
                bad.add(lines[index], failures[index], hint=_hint(failures[index]))
            elif len(rows[index]) != width:
                bad.add(lines[index], width_message(len(rows[index]), width))
            else:
                good.append(index)
        try:
            columns = _strings([rows[index] for index in good], places)
        except UnicodeEncodeError:
            good = [
                index for index in good if not _note_damaged(rows[index], places, lines[index], bad)
            ]
            columns = _strings([rows[index] for index in good], places)
        chosen = np.array(good, np.int64)
        yield Chunk(columns, np.array(lines, np.int64)[chosen], row - first + chosen)
        row += len(rows) - first


def _hint(failure: str) -> str:
    return RETURN_HINT if failure == LONE_RETURN else COMMA_HINT


def _strings(rows: list[list[str]], places: dict[str, int]) -> dict[str, pa.Array]:
    return {
        name: pa.array([cells[place] for cells in rows], pa.string())
        for name, place in places.items()
    }


def _note_damaged(cells: list[str], places: dict[str, int], line: int, bad: BadRows) -> bool:
    """Say whether a wanted cell holds bytes that are not UTF-8 (lone surrogates by now), and note
    the row if so."""
    try:
        "".join(cells[place] for place in places.values()).encode("utf-8")
    except UnicodeEncodeError:
        message, hint = encoding_problem(
            ",".join(cells).encode("utf-8", "surrogateescape"), bad.path
        )
        bad.add(line, message, hint=hint)
        return True
    return False


class _CommaRows(NamedTuple):
    """Rows, the physical lines they start on, and why rows (by index) cannot be parsed."""

    rows: list[list[str]]
    lines: list[int]
    failures: dict[int, str]


def _comma_rows(stream: BinaryIO, path: str, separator: str) -> Iterator[_CommaRows]:
    """Yield the rows of a file in parts.

    Bytes that are not UTF-8 become lone surrogates.

    Raises:
        PetMtlError: a quote is never closed.
    """
    size = 0

    def lines() -> Iterator[str]:
        nonlocal size
        for number, raw in enumerate(lines_of(stream, path)):
            size += len(raw)
            line = raw if number else raw.removeprefix(BYTE_ORDER_MARK)
            yield line.decode("utf-8", "surrogateescape")

    part = _CommaRows([], [], {})
    for line, cells, problem in quoted_rows(lines(), separator):
        if problem is not None:
            refuse_swallowed(path, line, problem)
            part.failures[len(part.rows)] = problem
        part.rows.append(cells)
        part.lines.append(line)
        if size >= CHUNK_BYTES or len(part.rows) >= CHUNK_ROWS:
            yield part
            part, size = _CommaRows([], [], {}), 0
    if part.rows:
        yield part
