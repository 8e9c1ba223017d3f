"""Parquet on its way through `data clean`: cells as the readers have them, rows as a file again."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pet_mtl.data.cell_text import cells_as_bytes
from pet_mtl.data.parquet import class_names, with_nested


def column_texts(values: Sequence[Any], schema: pa.Schema, name: str) -> list[str]:
    """Return the text of each value of a file's column, empty where there is none; bytes that are
    no text become replacement characters."""
    kind = with_nested(schema).field(name).type
    # what was mended may be of another length
    kind = pa.binary() if pa.types.is_fixed_size_binary(kind) else kind
    names = class_names(schema.metadata).get(name)
    cells = pc.fill_null(cells_as_bytes(pa.array(values, kind), names), b"")
    return [cell.decode("utf-8", "replace") for cell in cells.to_pylist()]


def parquet_bytes(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> bytes:
    """Return rows as a Parquet file; bytes of a fixed size that no longer have it become plain
    ones."""
    import pyarrow.parquet as pq

    for place, field in enumerate(schema):
        if pa.types.is_fixed_size_binary(field.type):
            sizes = {len(row[field.name]) for row in rows if row[field.name] is not None}
            if not sizes <= {field.type.byte_width}:
                schema = schema.set(place, field.with_type(pa.binary()))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink)
    return bytes(sink.getvalue().to_pybytes())
