"""Read Arrow tables: parquet files, and what the hub's data sets turn into."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pet_mtl.data.cell_text import cells_as_bytes, is_list
from pet_mtl.data.files import (
    COMPRESSIONS,
    RECORD_BYTES,
    ROW_BYTES,
    Unpacked,
    open_bytes,
    read_whole,
    refuse_other_formats,
)
from pet_mtl.data.parquet_steps import step_rows
from pet_mtl.data.table import (
    CHUNK_BYTES,
    CHUNK_ROWS,
    BadRows,
    Chunk,
    Fault,
    Request,
    checked_strings,
    locate,
)
from pet_mtl.errors import PetMtlError

_MARK = b"PAR1"  # at both ends of a file
# what pyarrow raises on damaged files; strings that are no UTF-8 are a ValueError
DAMAGE = (pa.ArrowException, OSError, ValueError, OverflowError)


def read_parquet(path: Path, suffix: str, request: Request, bad: BadRows) -> Iterator[Chunk]:
    """Yield the good rows of a parquet file in chunks and note the bad ones; rows are counted from
    1.

    Raises:
        PetMtlError: the file is damaged, or lacks a wanted column of text or numbers.
    """
    bad.unit = "row"
    with _opened(path) as (file, source):
        request = request.of_names()
        places = table_columns(with_nested(file.schema_arrow), request, str(path))
        batches = record_batches(file, source, sorted(set(places.values())))
        names = class_names(file.schema_arrow.metadata)
        yield from table_chunks(batches, places, names, request, bad)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Path | pa.Buffer]]:
    """Open a parquet file, which may be compressed as a whole; yield it and what it was opened
    from.

    Raises:
        PetMtlError: the file is damaged (also while reading inside the context).
    """
    import pyarrow.parquet as pq

    # A compressed parquet file has to be unpacked first: its index stands at its end.
    with open_bytes(path) as stream:
        packed = path.suffix.lower() in COMPRESSIONS
        source = pa.py_buffer(read_whole(stream, path)) if packed else path
    try:
        # a buffer: without one a row group's columns, which may be all rows, are read at once
        with pq.ParquetFile(source, buffer_size=CHUNK_BYTES) as file:
            yield file, source
    except DAMAGE as error:
        with open_bytes(path) as stream:
            # what begins as one is one, but damaged
            start = stream.read(64)
        refuse_other_formats(start.removeprefix(_MARK), path)
        cut = start.startswith(_MARK) and not _ends_whole(source)
        hint = "its end is missing: copy or download it again" if cut else None
        raise PetMtlError(
            f"cannot read the parquet file: {error}", where=str(path), hint=hint
        ) from error


def _ends_whole(source: Path | pa.Buffer) -> bool:
    with pa.BufferReader(source) if isinstance(source, pa.Buffer) else source.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - len(_MARK), len(_MARK)))
        return bool(stream.read() == _MARK)


def record_batches(
    file: Any, source: Path | pa.Buffer, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an open parquet file in batches of about 16 MiB, dictionaries decoded.

    The sizes that a file states are those of its encodings: a text that stands there once may be
    the cell of all rows. So few rows are decoded at a time, and put together by what they take.

    Args:
        source: what the file was opened from.
    """
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    step = step_rows(source, file.schema_arrow, columns)
    for found in file.iter_batches(step, columns=columns, use_threads=False):
        batch = _decoded(found)
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows + step > CHUNK_ROWS or size >= 16 * CHUNK_BYTES:
            yield _joined(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield _joined(waiting)


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    if not any(pa.types.is_dictionary(kind) for kind in batch.schema.types):
        return batch
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.concat_batches(batches)


def parquet_schema(path: Path) -> pa.Schema:
    """Return the schema of a parquet file, each column of a name of its own.

    Raises:
        PetMtlError: the file is damaged, or two columns have one name.
    """
    with _opened(path) as (file, _):
        schema = file.schema_arrow
    name, count = max(Counter(schema.names).items(), key=itemgetter(1), default=("", 0))
    if count > 1:  # rows by name would hold the values of the last one alone
        raise PetMtlError(
            f"{count} columns are named `{name}`",
            where=str(path),
            hint="rename them, so that each has a name of its own",
        )
    return schema


def whole_file(path: Path, row_bytes: int = ROW_BYTES) -> Iterator[pa.RecordBatch]:
    """Yield all columns of a parquet file in batches, for one who keeps all of them.

    Args:
        row_bytes: what a row then takes beside its values.

    Raises:
        PetMtlError: the file is damaged, or holds more than can be kept (see `Unpacked`).
    """
    unpacked = Unpacked(path)
    with _opened(path) as (file, source):
        for batch in record_batches(file, source):
            unpacked.add(batch.num_rows, batch.nbytes, row_bytes)
            yield batch


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


def table_rows(path: Path, nanoseconds: pa.DataType) -> Iterator[dict[str, Any]]:
    """Yield the rows of a parquet file as Python values, times in nanoseconds as those of another
    type.

    Raises:
        PetMtlError: see `whole_file`; there is text that is no UTF-8, or a date beyond Python's.
    """
    for batch in whole_file(path, RECORD_BYTES):
        try:
            rows = _nanoseconds_as(pa.Table.from_batches([batch]), nanoseconds).to_pylist()
        except DAMAGE as error:
            raise PetMtlError(f"cannot read the parquet file: {error}", where=str(path)) from error
        yield from rows


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
            "`columns` holds positions, but this data has named columns", where=path, hint=hint
        )
    places = locate(request, path, header=schema.names, width=len(schema.names))
    for name, place in [*places.items()]:
        kind = schema.field(place).type
        if pa.types.is_nested(kind) and not (request.lists and name == "label" and is_list(kind)):
            if name == "label" and not request.labelled:
                del places[name]
                continue
            message = f"column `{schema.names[place]}` (wanted by `columns.{name}`) holds `{kind}`"
            raise PetMtlError(message, where=path, hint="columns must hold text or numbers")
    return {name: schema.names[place] for name, place in places.items()}


def with_nested(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the columns in structs behind the others, under names as JSON has them.

    >>> with_nested(pa.schema([("meta", pa.struct([("title", pa.string())]))])).names
    ['meta', 'meta.title']
    """

    def inner(fields: Iterable[pa.Field]) -> Iterator[pa.Field]:
        for field in fields:
            if pa.types.is_struct(field.type):
                held = field.flatten()
                yield from (*held, *inner(held))

    own = set(schema.names)
    return pa.schema([*schema, *(field for field in inner(schema) if field.name not in own)])


def holding_column(names: Iterable[str], place: str) -> str:
    """Return the column of a table that one of `with_nested` is, or is in."""
    return place if place in names else next(n for n in names if place.startswith(f"{n}."))


def _column(batch: pa.RecordBatch, place: str) -> pa.Array:
    name = holding_column(batch.schema.names, place)
    column = batch.column(name)
    if name == place:
        return column
    held = pa.RecordBatch.from_arrays(column.flatten(), schema=pa.schema([*column.type]))
    return _column(held, place.removeprefix(f"{name}."))


def class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the label names that `datasets` notes in a parquet file for columns of label numbers,
    or of lists of them."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return label_names(features)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def label_names(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the label names of columns, by what `datasets` writes of them.

    >>> label = {"names": ["bad", "good"], "_type": "ClassLabel"}
    >>> label_names({"y": label, "ys": {"feature": label, "_type": "List"}, "text": {}})
    {'y': ['bad', 'good'], 'ys': ['bad', 'good']}
    """
    found = {}
    for column, feature in features.items():
        held = feature[0] if isinstance(feature, list) and feature else feature  # earlier versions
        held = held.get("feature", held) if isinstance(held, dict) else None
        names = held.get("names") if isinstance(held, dict) else None
        if isinstance(names, list):
            found[column] = [str(label) for label in names]
    return found


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
            column = cells_as_bytes(_column(batch, place), names.get(place))
            # a null label outside training is "no label", as an empty text is; a null id the row's
            # number
            empty = pc.is_null(column).to_numpy(zero_copy_only=False) & (not request.may_lack(name))
            columns[name], damaged = checked_strings(pc.fill_null(column, b""))
            wrongs: tuple[tuple[Any, str, Fault], ...] = (
                (np.flatnonzero(empty), "holds no value", "value"),
                (damaged, "is not UTF-8", "row"),
            )
            for wrong, message, fault in wrongs:
                for index in wrong[good[wrong]]:
                    bad.add(row + int(index) + 1, f"column `{place}` {message}", fault=fault)
                good[wrong] = False
        kept = pa.array(good)
        rows = row + np.flatnonzero(good).astype(np.int64)
        yield Chunk({name: column.filter(kept) for name, column in columns.items()}, rows + 1, rows)
        row += batch.num_rows
