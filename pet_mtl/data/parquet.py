"""Read Arrow tables: parquet files, and what the hub's data sets turn into."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pet_mtl.data.files import open_bytes, read_whole
from pet_mtl.data.table import (
    CHUNK_BYTES,
    CHUNK_ROWS,
    BadRows,
    Chunk,
    Request,
    checked_strings,
    locate,
)
from pet_mtl.errors import PetMtlError

# what pyarrow raises on damaged files; strings that are no UTF-8 are a ValueError
DAMAGE = (pa.ArrowException, OSError, ValueError, OverflowError)


_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


def read_parquet(path: Path, suffix: str, request: Request, bad: BadRows) -> Iterator[Chunk]:
    """Yield the good rows of a parquet file in chunks and note the bad ones; rows are counted from
    1.

    Raises:
        PetMtlError: the file is damaged, or lacks a wanted column of text or numbers.
    """
    import pyarrow.parquet as pq

    bad.unit = "row"
    # A compressed parquet file has to be unpacked first: its index stands at its end.
    with open_bytes(path) as stream:
        source = (
            path if path.suffix.lower() == suffix else pa.BufferReader(read_whole(stream, path))
        )
    try:
        # a buffer: without one a row group's columns, which may be all rows, are read at once
        with pq.ParquetFile(source, buffer_size=CHUNK_BYTES) as file:
            request = request.of_names()
            places = table_columns(file.schema_arrow, request, str(path))
            columns = sorted(set(places.values()))
            size = _rows_of_a_batch(file.metadata)
            batches = file.iter_batches(size, columns=columns, use_threads=False)
            names = class_names(file.schema_arrow.metadata)
            yield from table_chunks(batches, places, names, request, bad)
    except DAMAGE as error:
        raise PetMtlError((f"cannot read the parquet file: {error}"), where=str(path)) from error


def _rows_of_a_batch(metadata: Any) -> int:
    """Return how many rows make about 16 MiB, by the sizes that the file states."""
    groups = range(metadata.num_row_groups)
    size = sum(int(metadata.row_group(group).total_byte_size) for group in groups)
    of_row = max(1, size // max(1, int(metadata.num_rows)))
    return min(CHUNK_ROWS, max(64, 16 * CHUNK_BYTES // of_row))


def whole_table(path: Path) -> pa.Table:
    """Return a parquet file as one table, each column of a name of its own.

    Raises:
        PetMtlError: the file is damaged, or two columns have one name.
    """
    import pyarrow.parquet as pq

    try:
        with open_bytes(path) as stream:
            source = pa.BufferReader(read_whole(stream, path))
        with pq.ParquetFile(source) as file:
            # one thread: on damage, those of `read_table` abort a process that is about to end
            table = file.read(use_threads=False)
    except DAMAGE as error:
        raise PetMtlError(f"cannot read the parquet file: {error}", where=str(path)) from error
    name, count = max(Counter(table.column_names).items(), key=itemgetter(1), default=("", 0))
    if count > 1:  # rows by name would hold the values of the last one alone
        raise PetMtlError(
            f"{count} columns are named `{name}`",
            where=str(path),
            hint="rename them, so that each has a name of its own",
        )
    return table


def _nanoseconds_as(table: pa.Table, kind: pa.DataType) -> pa.Table:
    """Return a table with times in nanoseconds, which Python does not have, as another type, in
    lists and structs too.

    >>> times = pa.table({"at": pa.array([1500], pa.time64("ns"))})
    >>> _nanoseconds_as(times, pa.string())["at"][0].as_py()
    '00:00:00.000001500'
    """
    for place, column in enumerate(table.schema):
        found = _without_nanoseconds(column.type, kind)
        if found != column.type:
            values = table.column(place).cast(found)
            table = table.set_column(place, column.with_type(found), values)
    return table


def _without_nanoseconds(found: pa.DataType, kind: pa.DataType) -> pa.DataType:
    def inner(held: pa.Field) -> pa.Field:
        return held.with_type(_without_nanoseconds(held.type, kind))

    if pa.types.is_list(found):
        return pa.list_(inner(found.value_field))
    if pa.types.is_large_list(found):
        return pa.large_list(inner(found.value_field))
    if pa.types.is_struct(found):
        return pa.struct([inner(found.field(place)) for place in range(found.num_fields)])
    return kind if pa.types.is_temporal(found) and getattr(found, "unit", "") == "ns" else found


def table_rows(table: pa.Table, path: Path, nanoseconds: pa.DataType) -> list[dict[str, Any]]:
    """Return the rows of a table as Python values, times in nanoseconds as those of another type.

    Raises:
        PetMtlError: there is text that is no UTF-8, or a date beyond Python's.
    """
    try:
        return cast(list[dict[str, Any]], _nanoseconds_as(table, nanoseconds).to_pylist())
    except DAMAGE as error:
        raise PetMtlError(f"cannot read the parquet file: {error}", where=str(path)) from error


def table_columns(schema: pa.Schema, request: Request, path: str) -> dict[str, str]:
    """Return the table's column name of each wanted column.

    Raises:
        PetMtlError: the columns are positions, a column is missing, or holds neither text nor
            numbers.
    """
    if request.by_position:
        hint = (
            "write names in `columns`; the file has "
            f"{', '.join(f'`{name}`' for name in schema.names)}"
        )
        raise PetMtlError(
            ("`columns` holds positions, but this data has named columns"), where=path, hint=hint
        )
    places = locate(request, path, header=schema.names, width=len(schema.names))
    for name, place in places.items():
        kind = schema.field(place).type
        if pa.types.is_nested(kind) and not (request.lists and name == "label" and _is_list(kind)):
            message = f"column `{schema.names[place]}` (wanted by `columns.{name}`) holds `{kind}`"
            raise PetMtlError(message, where=path, hint="columns must hold text or numbers")
    return {name: schema.names[place] for name, place in places.items()}


def class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the label names that `datasets` notes in a parquet file for columns of label
    numbers."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: [str(label) for label in feature["names"]]
            for name, feature in features.items()
            if "names" in feature
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def table_chunks(
    batches: Iterable[Any],
    places: Mapping[str, str],
    names: Mapping[str, list[str]],
    request: Request,
    bad: BadRows,
) -> Iterator[Chunk]:
    """Yield record batches as chunks of string columns; label numbers that have `names` become
    these."""
    row = 0
    for batch in batches:
        good = np.ones(batch.num_rows, bool)
        columns = {}
        for name, place in places.items():
            column = _numbers_or_null(batch.column(place))
            # A null label outside training is "no label", as an empty text is.
            empty = pc.is_null(column).to_numpy(zero_copy_only=False) & (
                name != "label" or request.labelled
            )
            columns[name], damaged = checked_strings(_as_bytes(column, names.get(place)))
            for wrong, message in (
                (np.flatnonzero(empty), "holds no value"),
                (damaged, "is not UTF-8"),
            ):
                for index in wrong[good[wrong]]:
                    bad.add(row + int(index) + 1, f"column `{place}` {message}")
                good[wrong] = False
        kept = pa.array(good)
        rows = row + np.flatnonzero(good).astype(np.int64)
        yield Chunk({name: column.filter(kept) for name, column in columns.items()}, rows + 1, rows)
        row += batch.num_rows


def _numbers_or_null(column: pa.Array) -> pa.Array:
    """Return a column with nulls for NaN and infinities, as programs write numbers that are
    missing."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))


def _is_list(kind: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_list(kind) for is_list in lists)


def _named(cell: list[Any], names: list[str] | None) -> list[Any]:
    """Return a list of labels with the names that label numbers have."""
    return [
        names[item] if names and type(item) is int and 0 <= item < len(names) else item
        for item in cell
    ]


def _json_bytes(cell: list[Any]) -> bytes:
    """Return a list of labels as JSON; bytes in it are text, which need not be UTF-8."""

    def text(item: Any) -> str:
        return item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item)

    written = json.dumps(cell, ensure_ascii=False, default=text)
    return written.encode("utf-8", "surrogateescape")


def _as_bytes(column: pa.Array, names: list[str] | None) -> pa.Array:
    """Return a column's text as bytes, empty where it is null."""
    if _is_list(column.type):
        items = column.type.value_type
        if pa.types.is_temporal(items) or pa.types.is_decimal(items):
            column = column.cast(pa.list_(pa.string()))  # JSON has no such values
        texts = [
            None if cell is None else _json_bytes(_named(cell, names))
            for cell in column.to_pylist()
        ]
        column = pa.array(texts, pa.binary())
    if names and pa.types.is_integer(column.type):
        # -1 stands for "no label" in the hub's test splits; anything else out of range stays the
        # number it is.
        known = pc.and_(pc.greater_equal(column, 0), pc.less(column, len(names)))
        position = pc.if_else(known, column, pa.scalar(0, column.type))
        column = pc.if_else(
            known, pa.array(names, pa.string()).take(position), column.cast(pa.string())
        )
    # not by way of strings: one row that is no UTF-8 would be an error of the whole file
    is_text = any(is_kind(column.type) for is_kind in _TEXTS)
    return pc.fill_null((column if is_text else column.cast(pa.string())).cast(pa.binary()), b"")
