"""One way from a cell to its text, whoever asks."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.data.cell_text import cells_as_bytes
from pet_mtl.data.parquet import read_parquet
from pet_mtl.data.readers import read_rows
from pet_mtl.data.table import BadRows, Request
from pet_mtl.proposal.raw_table import read_raw_table
from pet_mtl.suite.task import TaskSpec

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


FLOATS = [1.0, 0.1, 1e-05, 9e-05, 1e15, 1e16, 12345678901.0, -0.0, 5e-324, 1e22]


@pytest.mark.parametrize("kind", [pa.float64(), pa.list_(pa.float64())], ids=str)
def test_floats_are_the_texts_that_other_formats_have(kind: pa.DataType) -> None:
    """As `json.dumps` and pandas write them: the same rows are the same texts and labels."""
    written = [json.dumps(value) for value in FLOATS]
    if pa.types.is_list(kind):
        (cell,) = cells_as_bytes(pa.array([FLOATS], kind)).to_pylist()
        assert json.loads(cell) == written
    else:
        assert cells_as_bytes(pa.array(FLOATS, kind)).to_pylist() == [x.encode() for x in written]


def test_a_long_number_is_a_label_in_each_format(
    make_task: Callable[..., TaskSpec], tmp_path: Path
) -> None:
    rows = [{"text": "a", "label": 12345678901.0}, {"text": "b", "label": None}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    task = make_task({"text": "text", "label": "label"}, labels=("7", "12345678901"))
    for name in ("t.jsonl", "t.parquet"):
        found, _ = read_rows(name, task, base=tmp_path, labelled=False)
        assert found.labels.tolist() == [1, -1]


def test_lists_in_a_slice_and_nulls() -> None:
    lists = pa.array([["x"], None, [], ["a", None], ["b"]]).slice(1)
    assert cells_as_bytes(lists).to_pylist() == [None, b"[]", b'["a", null]', b'["b"]']
    fixed = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)).slice(1)
    assert cells_as_bytes(fixed).to_pylist() == [None, b'["3", "4"]']
