"""How a cell becomes text, for all that read Arrow columns: rows to train on or to predict, what
`init` looks at, what `data clean` compares."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def is_list(kind: pa.DataType) -> bool:
    """Say whether a column of this type holds lists."""
    return any(is_kind(kind) for is_kind in _LISTS)


def cells_as_bytes(column: pa.Array, names: Sequence[str] | None = None) -> pa.Array:
    """Return the cells of a column as the bytes of their text, which need not be UTF-8.

    Null stays, and NaN and infinities become it, as programs write numbers that are missing. Other
    floats are as Python and pandas write them into JSON and csv, so that rows are the same texts
    in all formats. A list is the JSON list of its items' texts.

    Args:
        names: of label numbers, which become these.

    Raises:
        pyarrow.ArrowException: the column is of a type that has no text.

    >>> cells_as_bytes(pa.array([1.1, None, 2.0], pa.float32())).to_pylist()
    [b'1.1', None, b'2.0']
    >>> cells_as_bytes(pa.array([[0, 1], []]), ["bad", "good"]).to_pylist()
    [b'["bad", "good"]', b'[]']
    """
    column = _plain(column)
    if pa.types.is_floating(column.type):
        return _number_texts(column)
    if is_list(column.type):
        return pa.array([_list_text(items) for items in listed_cells(column, names)], pa.binary())
    if names and pa.types.is_integer(column.type):
        column = _named(column, names)
    # not by way of strings: one row that is no UTF-8 would be an error of the whole file
    is_text = any(is_kind(column.type) for is_kind in _TEXTS)
    return (column if is_text else column.cast(pa.string())).cast(pa.binary())


def listed_cells(
    column: pa.Array, names: Sequence[str] | None = None
) -> list[list[bytes | None] | None]:
    """Return the items of each list of a column as `cells_as_bytes` has them, None for a null.

    Raises:
        pyarrow.ArrowException: the items are of a type that has no text.
    """
    items = cells_as_bytes(column.flatten(), names).to_pylist()
    sizes = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(sizes).tolist()
    filled = column.is_valid().to_pylist()
    return [
        items[end - size : end] if there else None
        for end, size, there in zip(ends, sizes.tolist(), filled, strict=True)
    ]


def _plain(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _number_texts(column: pa.Array) -> pa.Array:
    # Arrow finds the shortest digits for each width, but writes 1e10 and 0.00001 for what is
    # 10000000000.0 and 1e-05 elsewhere
    known = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    texts = known.cast(pa.string()).to_pylist()
    return pa.array([text and repr(float(text)).encode() for text in texts], pa.binary())


def _named(column: pa.Array, names: Sequence[str]) -> pa.Array:
    # -1 stands for "no label" in the hub's test splits; anything else out of range stays the number
    # it is
    known = pc.and_(pc.greater_equal(column, 0), pc.less(column, len(names)))
    position = pc.if_else(known, column, pa.scalar(0, column.type))
    return pc.if_else(known, pa.array(names, pa.string()).take(position), column.cast(pa.string()))


def _list_text(items: list[bytes | None] | None) -> bytes | None:
    """Return a list of texts as JSON; bytes in it need not be UTF-8."""
    if items is None:
        return None
    texts: list[Any] = [
        item if item is None else item.decode("utf-8", "surrogateescape") for item in items
    ]
    written = json.dumps(texts, ensure_ascii=False)
    return written.encode("utf-8", "surrogateescape")
