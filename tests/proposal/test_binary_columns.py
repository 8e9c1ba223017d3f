"""Parquet files whose texts are bytes, as Hive and Impala write them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.data.parquet import read_parquet
from pet_mtl.data.table import BadRows, Request
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.raw_table import RawTable, read_raw_table

KINDS = [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3)]


def read(tmp_path: Path, columns: dict[str, object]) -> RawTable:
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    return read_raw_table(tmp_path / "t.parquet")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_bytes_are_text_and_rows_that_are_not_utf8_are_left_out(
    tmp_path: Path, kind: pa.DataType
) -> None:
    texts = pa.array(["新".encode(), None, b"\xff\xfe\xfd", "闻".encode()], kind)
    table = read(tmp_path, {"text": texts, "n": [1, 2, 3, 4]})
    assert table.columns == [["新", "", "闻"], ["1", "2", "4"]]
    assert (table.skipped, table.reasons[None]) == (1, "1 of its rows are not UTF-8")
    bad = BadRows("t")
    (chunk,) = read_parquet(tmp_path / "t.parquet", ".parquet", Request({"text": "text"}), bad)
    assert chunk.columns["text"].to_pylist() == ["新", "闻"]
    assert [problem.message for problem in bad.ordered()] == [
        "column `text` holds no value",
        "column `text` is not UTF-8",
    ]


def test_bytes_in_lists_and_objects_are_text(tmp_path: Path) -> None:
    nested = pa.array([{"a": "新".encode()}, {"a": b"b"}], pa.struct([("a", pa.binary())]))
    several = pa.array([["新".encode(), b"b"], []], pa.list_(pa.binary()))
    one = pa.array([b"a", b"b"]).dictionary_encode()
    table = read(tmp_path, {"nested": nested, "several": several, "one": one})
    assert (table.names, table.columns) == (["nested.a", "one"], [["新", "b"], ["a", "b"]])
    assert table.lists == {"several": ['["新", "b"]', "[]"]}
    assert table.left_out["several"].endswith("such as ['新', 'b']")


def test_a_column_of_other_bytes_is_left_out_and_no_row(tmp_path: Path) -> None:
    pictures = pa.array([b"\x89PNG", b"\x89PNG", None, b"a"])
    table = read(tmp_path, {"picture": pictures, "text": ["a", "b", "c", "d"]})
    assert (table.names, table.columns, table.skipped) == (["text"], [["a", "b", "c", "d"]], 0)
    assert table.left_out == {"picture": "`picture` holds bytes that are not UTF-8"}


def test_no_row_of_utf8(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="no row is UTF-8"):
        read(tmp_path, {"one": pa.array([b"\xff", b"a"]), "two": pa.array([b"a", b"\xff"])})


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.time64("ns"), pa.duration("ns")], ids=str)
def test_nanoseconds_are_the_text_that_train_reads(tmp_path: Path, kind: pa.DataType) -> None:
    """Python has no nanoseconds: Arrow makes them pandas' own, and asks for pandas without it."""
    times = pa.array([1500, None], kind)
    lists = pa.array([[1500], None], pa.list_(kind))
    table = read(tmp_path, {"text": ["a", "b"], "one": times, "list": lists})
    expected = [times.cast(pa.string())[0].as_py(), ""]
    assert table.columns == [["a", "b"], expected, expected]


def test_a_time_zone_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="cannot read the parquet file"):
        read(tmp_path, {"text": ["a"], "at": pa.array([1500], pa.timestamp("ns", "No/Where"))})


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    two = pa.table([pa.array(["a"]), pa.array(["b"]), pa.array([1])], names=["t", "t", "n"])
    pq.write_table(two, tmp_path / "t.parquet")
    with pytest.raises(PetMtlError, match="2 columns are named `t`") as caught:
        read_raw_table(tmp_path / "t.parquet")
    assert "rename" in str(caught.value.problems[0].hint)
