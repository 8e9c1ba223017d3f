"""Small files of very many rows, or of one long text for all of them."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.data import files, parquet, parquet_steps
from pet_mtl.data.parquet import read_parquet
from pet_mtl.data.parquet_steps import STEP_ROWS
from pet_mtl.data.readers import read_rows
from pet_mtl.data.streams import open_rows
from pet_mtl.data.table import CHUNK_BYTES, BadRows, Request
from pet_mtl.errors import PetMtlError

COLUMNS = {"title": "text", "label": "label"}
LONG = "长" * 100_000


def write_repeated(path: Path, rows: int, encoding: str) -> Path:
    if encoding == "category":
        numbers = pa.array([0] * rows, pa.int32())
        texts = pa.DictionaryArray.from_arrays(numbers, pa.array([LONG]))
    else:
        texts = pa.array([LONG] * rows)
    table = pa.table({"text": texts, "label": (["0", "1"] * rows)[:rows]})
    if encoding == "delta":
        ways = {"text": "DELTA_BYTE_ARRAY"}
        pq.write_table(
            table, path, use_dictionary=["label"], column_encoding=ways, compression="zstd"
        )
    else:
        pq.write_table(table, path, compression="zstd")
    return path


@pytest.mark.parametrize("encoding", ["category", "dictionary", "delta"])
def test_one_text_of_many_rows_comes_in_small_chunks(tmp_path: Path, encoding: str) -> None:
    path = write_repeated(tmp_path / "t.parquet", 300, encoding)
    before = pa.total_allocated_bytes()
    sizes, most = [], 0
    for chunk in read_parquet(path, ".parquet", Request({"text": "text"}), BadRows("t")):
        sizes.append(len(chunk.lines))
        most = max(most, pa.total_allocated_bytes() - before)
        assert chunk.columns["text"][0].as_py() == LONG
    assert sum(sizes) == 300
    assert max(sizes) <= 2 * STEP_ROWS
    assert most < 4 * (16 * CHUNK_BYTES + STEP_ROWS * 3 * len(LONG))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["category", "dictionary"])
def test_of_very_long_texts_few_rows_are_decoded_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, packed: bool
) -> None:
    """64 cells of some hundred MiB would fill the memory, from a file of some kB."""
    path = write_repeated(tmp_path / "t.parquet", 300, encoding)
    if packed:
        path = tmp_path / "t.parquet.gz"
        path.write_bytes(gzip.compress((tmp_path / "t.parquet").read_bytes()))
    monkeypatch.setattr(parquet_steps, "STEP_BYTES", 3 * 3 * len(LONG))
    monkeypatch.setattr(parquet, "CHUNK_BYTES", 1)  # a chunk is a step
    found = read_parquet(path, ".parquet", Request({"text": "text"}), BadRows("t"))
    assert {len(chunk.lines) for chunk in found} == {3}


def test_small_rows_come_in_large_chunks(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"] * 40_000}), tmp_path / "t.parquet")
    found = read_parquet(
        tmp_path / "t.parquet", ".parquet", Request({"text": "text"}), BadRows("t")
    )
    sizes = [len(chunk.lines) for chunk in found]
    assert (sum(sizes), len(sizes)) == (80_000, 2)


def test_rows_that_are_kept_are_counted(
    tmp_path: Path, make_task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred long texts of one kB are read; more than is allowed is refused, with the reason."""
    path = write_repeated(tmp_path / "t.parquet", 100, "category")
    task = make_task(COLUMNS)
    assert len(read_rows(path.name, task, base=tmp_path)[0]) == 100
    monkeypatch.setattr(files, "LARGEST_UNPACKED", 10 << 20)
    with pytest.raises(PetMtlError, match="over 100 times the size of the file") as caught:
        read_rows(path.name, task, base=tmp_path)
    assert caught.value.problems[0].where == str(path)
    # read in blocks, they are not kept
    assert open_rows(path.name, task, base=tmp_path).length == 100


@pytest.mark.parametrize("suffix", [".tsv.gz", ".jsonl.gz", ".json.gz", ".lists.json.gz"])
def test_tiny_rows_of_a_small_file(
    tmp_path: Path, make_task, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(files, "LARGEST_UNPACKED", 1 << 20)
    rows = {
        ".tsv.gz": "text\tlabel\n" + "a\t0\nb\t1\n" * 10_000,
        ".jsonl.gz": '{"text": "a", "label": 0}\n' * 20_000,
        ".json.gz": "[" + ",".join(['{"text": "a", "label": 0}'] * 20_000) + "]",
        ".lists.json.gz": '[{"text": "a", "label": 0}' + ",[]" * 20_000 + "]",
    }[suffix]
    path = tmp_path / f"t{suffix}"
    path.write_bytes(gzip.compress(rows.encode()))
    with pytest.raises(PetMtlError, match="the rows take more than"):
        read_rows(path.name, make_task(COLUMNS), base=tmp_path)


def test_a_file_that_is_large_itself_is_read(
    tmp_path: Path, make_task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST_UNPACKED", 1 << 20)
    (tmp_path / "t.tsv").write_text("text\tlabel\n" + "a\t0\nb\t1\n" * 10_000)
    assert len(read_rows("t.tsv", make_task(COLUMNS), base=tmp_path)[0]) == 20_000
