"""Columns of text out of objects: JSON values and Parquet, with what nests flattened."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from pet_mtl.data.cell_text import cells_as_bytes, is_list, listed_cells
from pet_mtl.data.jsonl import plain_value
from pet_mtl.data.parquet import DAMAGE, class_names, parquet_schema, whole_file
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.held_cells import HeldCells

DEEPEST = 3  # objects in objects
OBJECTS: dict[str, Any] = {}  # the value of a cell that holds objects, which are no text


@dataclass
class Columns:
    """Values column by column: text, numbers, None, lists of these, or an object.

    Attributes:
        damaged: rows whose bytes are not UTF-8, by column.
        filled: how many of a column's values were bytes or lists of them.
    """

    held: HeldCells
    rows: int = 0
    values: dict[str, list[Any]] = field(default_factory=dict)
    damaged: dict[str, set[int]] = field(default_factory=dict)
    filled: dict[str, int] = field(default_factory=dict)

    def put(self, name: str, row: int, value: Any) -> None:
        """Add the value of a row; rows are filled in their order."""
        column = self.values.setdefault(name, [])
        self._fill(column, row)
        column.append(self.held.value(value))

    def put_bytes(self, name: str, row: int, value: bytes | list[bytes | None] | None) -> None:
        """Add what is text if it is UTF-8, alone or in a list."""
        text: Any = None
        try:
            if isinstance(value, bytes):
                text = value.decode("utf-8")
            elif value is not None:
                text = [item if item is None else item.decode("utf-8") for item in value]
        except UnicodeDecodeError:
            self.damaged.setdefault(name, set()).add(row)
        self.filled[name] = self.filled.get(name, 0) + (value is not None)
        self.put(name, row, plain_value(text))

    def finish(self) -> None:
        """Fill the columns that the last rows lack.

        Raises:
            PetMtlError: they are too many (see `Unpacked`).
        """
        for column in self.values.values():
            self._fill(column, self.rows)
            self.held.check()

    def _fill(self, column: list[Any], rows: int) -> None:
        self.held.blanks(rows - len(column))
        column.extend([None] * (rows - len(column)))


def json_columns(values: Iterable[Any], path: Path) -> tuple[Columns, int]:
    """Return the columns of JSON objects, and how many values are none.

    Raises:
        PetMtlError: they take more memory than their file honestly fills (see `Unpacked`).
    """
    columns, skipped = Columns(HeldCells(path)), 0
    for value in values:
        if not isinstance(value, dict):
            skipped += 1
            continue
        for name, leaf in _leaves(value):
            columns.put(name, columns.rows, leaf)
        columns.rows += 1
        columns.held.check()
    columns.finish()
    return columns, skipped


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


def parquet_columns(path: Path) -> Columns:
    """Return the columns of a Parquet file, their cells as `train` has them.

    Raises:
        PetMtlError: the file is damaged, two columns have one name, or they take more memory than
            the file honestly fills (see `Unpacked`).
    """
    columns = Columns(HeldCells(path))
    names = class_names(parquet_schema(path).metadata)
    for batch in whole_file(path):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                _put_column(columns, name, column, names.get(name))
            except DAMAGE as error:
                raise PetMtlError(
                    f"cannot read the parquet file: {error}", where=str(path)
                ) from error
        columns.rows += batch.num_rows
        columns.held.check()
    columns.finish()
    return columns


def _put_column(
    columns: Columns, name: str, column: pa.Array, names: list[str] | None, depth: int = 0
) -> None:
    kind = column.type
    if pa.types.is_struct(kind) and kind.num_fields and depth < DEEPEST:
        for place, inner in enumerate(column.flatten()):
            _put_column(columns, f"{name}.{kind.field(place).name}", inner, None, depth + 1)
        return
    cells: list[Any]
    if is_list(kind) and not pa.types.is_nested(kind.value_type):
        cells = listed_cells(column, names)
    elif pa.types.is_nested(kind):
        for row, there in enumerate(column.is_valid().to_pylist(), start=columns.rows):
            columns.put(name, row, OBJECTS if there else None)
        return
    else:
        cells = cells_as_bytes(column, names).to_pylist()
    for row, cell in enumerate(cells, start=columns.rows):
        columns.put_bytes(name, row, cell)


def list_text(value: Any) -> str:
    """Return a cell of a column of lists as JSON; lists of one value have lost their brackets.
    Blank text is a cell without a value."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    items = value if isinstance(value, list) else [value]
    return json.dumps([cell_text(plain_value(item)) for item in items], ensure_ascii=False)


def cell_text(value: Any) -> str:
    """Return a value as `train` reads it from JSON, empty for null."""
    if value is None:
        return ""
    text = str(value)
    return text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text
