"""How many rows of a Parquet file may be decoded at a time: in a small file, one long text may be
the cell of all rows."""

from contextlib import suppress
from itertools import islice, product
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pet_mtl.data.table import CHUNK_BYTES

STEP_ROWS = 64  # of usual texts; reading is hardly faster with more
STEP_BYTES = 1 << 28  # that the longest cells of a step may take, where dictionaries hold them
_TEXTS = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


def step_rows(source: Path | pa.Buffer, schema: pa.Schema, columns: list[str] | None) -> int:
    """Return how many rows of a Parquet file are decoded at a time: fewer where a dictionary holds
    a long text, which may be the cell of any row.

    Dictionaries are read, each with one row, for what the file says of itself cannot be trusted:
    of damaged metadata, pyarrow ends the process.

    Args:
        schema: of the file.
        columns: that will be read, None for all.

    Raises:
        pyarrow.ArrowException, OSError: the file is damaged.
    """
    import pyarrow.parquet as pq

    fields = {field.name: _held(field.type) for field in schema}
    names = [name for name in columns or fields if fields.get(name) in _TEXTS]
    longest = 1
    with pq.ParquetFile(source, read_dictionary=names, buffer_size=CHUNK_BYTES) as file:
        for group, name in product(range(file.num_row_groups), names):
            # some encodings have no dictionary and cannot be read as one; damage is told when the
            # rows are read
            with suppress(pa.ArrowException, OSError):
                for row in islice(file.iter_batches(1, [group], [name], use_threads=False), 1):
                    cell = row.column(0)
                    if pa.types.is_dictionary(cell.type):
                        lengths = pc.binary_length(cell.dictionary)
                        longest = max(longest, pc.max(lengths).as_py() or 1)
    return max(1, min(STEP_ROWS, STEP_BYTES // longest))


def _held(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
