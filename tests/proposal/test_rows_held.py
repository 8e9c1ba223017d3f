"""Tables of very many small rows."""

import gzip
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.data import files
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.raw_table import read_raw_table

ROWS = 60_000


def write(folder: Path, suffix: str) -> Path:
    path = folder / f"t{suffix}"
    match suffix:
        case ".parquet":
            pq.write_table(
                pa.table({"text": ["a", "b"] * (ROWS // 2), "label": [1, 0] * (ROWS // 2)}), path
            )
        case ".jsonl.gz":
            path.write_bytes(gzip.compress(b'{"text": "a", "label": "1"}\n' * ROWS))
        case _:
            separator = b"," if "csv" in suffix else b"\t"
            line = b"text%slabel\n" % separator + b"a%s1\n" % separator * ROWS
            path.write_bytes(gzip.compress(line))
    return path


@pytest.mark.parametrize("suffix", [".csv.gz", ".tsv.gz", ".jsonl.gz", ".parquet"])
def test_a_small_row_takes_little(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, suffix)
    tracemalloc.start()
    try:
        table = read_raw_table(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(table), table.names) == (ROWS, ["text", "label"])
    # two places a row, twice while objects become text, and blocks of the file; of Parquet one
    # batch as Python's objects, too
    assert peak < ROWS * (48 if suffix != ".parquet" else 200) + (6 << 20)


@pytest.mark.parametrize("suffix", [".csv.gz", ".tsv.gz", ".jsonl.gz", ".parquet"])
def test_too_many_for_such_a_small_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(files, "LARGEST_UNPACKED", 1 << 20)
    with pytest.raises(PetMtlError, match="over 100 times the size of the file"):
        read_raw_table(write(tmp_path, suffix))


def test_rows_with_keys_of_their_own_are_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key is a column of all rows: 30,000 such rows of 2 MB would take 14 GB."""
    monkeypatch.setattr(files, "LARGEST_UNPACKED", 1 << 20)
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"u{n}": "text", "label": {n % 2}}}\n' for n in range(600)))
    with pytest.raises(PetMtlError, match="over 100 times the size of the file"):
        read_raw_table(path)
