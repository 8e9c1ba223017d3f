"""Parquet cells that are no plain text, as `data clean` mends, compares and writes them."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.audit.check import check_suite
from pet_mtl.audit.clean import clean_suite
from pet_mtl.data import files
from pet_mtl.data.readers import read_rows
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite

MakeSuite = Callable[..., Suite]
NAMED = ("text", "label")


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(6)], ids=str)
def test_bytes_are_text(make_suite: MakeSuite, tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["好好".encode(), b"abcdef", "坏坏".encode(), "好好".encode()]
    labels = pa.array([b"a", b"b", b"b", b"a"])
    pq.write_table(
        pa.table({"text": pa.array(texts, kind), "label": labels}), tmp_path / "t.parquet"
    )
    suite = make_suite(
        {"d.csv": "text,label\n坏坏,b\n"}, {"one": "{train: t.parquet, dev: d.csv}"}, NAMED
    )
    result = clean_suite(suite, tmp_path / "out", "majority")
    reasons = {change.reason for file in result.files for change in file.changes}
    assert reasons == {"its text is a dev or test row", "repeats an earlier row: line 1"}
    task = suite.tasks["one"]
    rows, _ = read_rows("t.parquet", task, base=tmp_path / "out")
    assert rows.fields["text"].to_pylist() == ["好好", "abcdef"]
    assert rows.labels.tolist() == [0, 1]
    assert pq.read_schema(tmp_path / "out" / "t.parquet").field("text").type == kind


def test_mended_bytes_of_a_fixed_size_may_be_of_another(
    make_suite: MakeSuite, tmp_path: Path
) -> None:
    texts = pa.array(["新".encode() + b"&lt;", "新闻好".encode()[:7], None], pa.binary(7))
    table = pa.table({"text": texts, "label": ["a", "b", "a"], "raw": [b"\xff", b"\xfe", None]})
    pq.write_table(table, tmp_path / "t.parquet")
    clean_suite(make_suite({}, {"one": "{train: t.parquet}"}, NAMED), tmp_path / "out", "drop")
    written = pq.read_table(tmp_path / "out" / "t.parquet")
    assert written["text"].to_pylist() == ["新<".encode(), "新闻�".encode()]
    assert written["raw"].to_pylist() == [b"\xff", b"\xfe"]


def test_a_type_that_arrow_does_not_write_is_told(make_suite: MakeSuite, tmp_path: Path) -> None:
    bits = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8()))
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": ["x", "y"], "label": ["a", "b"], "bits": bits}), file)
    suite = make_suite({}, {"one": "{train: t.parquet}"}, NAMED)
    with pytest.raises(PetMtlError, match="cannot be written as parquet again: ") as caught:
        clean_suite(suite, tmp_path / "out", "drop")
    assert caught.value.problems[0].where == str(file)
    assert not (tmp_path / "out").exists()


def test_numbers_are_the_labels_that_they_are_read_as(
    make_suite: MakeSuite, tmp_path: Path
) -> None:
    """0.1 of four bytes is another number in Python."""
    labels = pa.array([0.1, 0.1, 0.2], pa.float32())
    pq.write_table(pa.table({"text": ["x", "x", "x"], "label": labels}), tmp_path / "t.parquet")
    suite = make_suite({}, {"one": "{train: t.parquet}"}, NAMED)
    (tmp_path / "suite.yaml").write_text(
        (tmp_path / "suite.yaml").read_text().replace("{a: 好, b: 坏}", '{"0.1": 好, "0.2": 坏}')
    )
    suite = load_suite(tmp_path / "suite.yaml")
    (file,) = clean_suite(suite, tmp_path / "out", "majority").files
    assert file.rows == 1
    assert pq.read_table(tmp_path / "out" / "t.parquet")["label"].type == pa.float32()


def test_rows_that_lack_a_value_are_dropped_as_the_check_says(
    make_suite: MakeSuite, tmp_path: Path
) -> None:
    columns = {"text": ["x", None, "y", "z", "w"], "label": ["a", "a", None, "b", "a"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    suite = make_suite({}, {"one": "{train: t.parquet}"}, NAMED)
    found = [each for each in check_suite(suite, {}, None).findings if each.level == "error"]
    assert "drops those that lack a value" in str(found[0].hint)
    clean_suite(suite, tmp_path / "out", "majority")
    rows, skipped = read_rows("t.parquet", suite.tasks["one"], base=tmp_path / "out")
    assert (len(rows), skipped) == (3, [])


@pytest.mark.parametrize("cell", ["", "c"])
def test_labels_that_cleaning_keeps_are_not_said_to_be_mended(
    make_suite: MakeSuite, cell: str
) -> None:
    suite = make_suite({"t.tsv": f"x\ta\ny\t{cell}\nz\tb\n"}, {"one": "{train: t.tsv}"})
    found = [each for each in check_suite(suite, {}, None).findings if each.level == "error"]
    assert "stray line break" not in str(found[0].hint)
    assert "delete them (`data clean` keeps them)" in str(found[0].hint)


def test_too_many_rows_for_such_a_small_file(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST_UNPACKED", 1 << 20)
    suite = make_suite(
        {"t.tsv.gz": gzip.compress(b"a\ta\nb\tb\n" * 10_000)}, {"one": "{train: t.tsv.gz}"}
    )
    with pytest.raises(PetMtlError, match="the rows take more than"):
        clean_suite(suite, tmp_path / "out", "majority")


def test_columns_in_structs(make_suite: MakeSuite, tmp_path: Path) -> None:
    held = [{"text": "好好", "n": 1}, {"text": "好好", "n": 2}, {"text": "坏\u200b坏", "n": 3}]
    table = pa.table({"meta": held, "label": ["a", "a", "b"]})
    pq.write_table(table, tmp_path / "t.parquet")
    suite = make_suite({}, {"one": "{train: t.parquet}"}, ("meta.text", "label"))
    clean_suite(suite, tmp_path / "out", "drop")
    written = pq.read_table(tmp_path / "out" / "t.parquet")
    assert written["meta"].to_pylist() == [held[0], {"text": "坏坏", "n": 3}]
