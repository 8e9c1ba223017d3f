"""One way from a cell to its text, whoever asks."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.data.cell_text import cells_as_bytes
from pet_mtl.data.parquet import read_parquet
from pet_mtl.data.table import BadRows, Request
from pet_mtl.proposal.raw_table import read_raw_table

CELLS = [
    pa.array([1.1, 0.0], pa.float32()),
    pa.array([1.1, 0.1], pa.float16()),
    pa.array([1e-5, 1e16]),
    pa.array([datetime(2020, 1, 31, 12), datetime(2020, 1, 31)]),
    pa.array([timedelta(seconds=3), timedelta(days=1)]),
    pa.array([True, False]),
    pa.array([b"a", b"b"]),
    pa.array(["1.10", "2"]).cast(pa.decimal128(5, 2)),
]


@pytest.mark.parametrize("cells", CELLS, ids=lambda cells: str(cells.type))
def test_init_sees_what_train_reads(tmp_path: Path, cells: pa.Array) -> None:
    lists = pa.array([cells.to_pylist(), cells.to_pylist()[:1]], pa.list_(cells.type))
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"one": cells, "several": lists, "in": [{"it": cells[0]}] * 2}), path)
    request = Request({"text": "one", "label": "several"}, lists=True)
    (chunk,) = read_parquet(path, ".parquet", request, BadRows("t"))
    one, several = (chunk.columns[name].to_pylist() for name in ("text", "label"))
    assert [json.loads(each) for each in several] == [one, one[:1]]
    table = read_raw_table(path)
    assert dict(zip(table.names, table.columns, strict=True)) == {
        "one": one,
        "in.it": [one[0]] * 2,
    }
    assert table.lists == {"several": several}


def test_lists_in_a_slice_and_nulls() -> None:
    lists = pa.array([["x"], None, [], ["a", None], ["b"]]).slice(1)
    assert cells_as_bytes(lists).to_pylist() == [None, b"[]", b'["a", null]', b'["b"]']
    fixed = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)).slice(1)
    assert cells_as_bytes(fixed).to_pylist() == [None, b'["3", "4"]']
