"""Formats by suffix, and compressed files."""

import bz2
import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from pet_mtl.data.files import data_format, first_line
from pet_mtl.data.readers import read_rows
from pet_mtl.errors import PetMtlError


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.csv", ".csv"),
        ("a.b.JSON", ".json"),
        ("a.jsonl.zst", ".jsonl"),
        ("a.TSV.GZ", ".tsv"),
        ("a.parquet", ".parquet"),
    ],
)
def test_formats(name: str, suffix: str) -> None:
    assert data_format(Path(name)) == suffix


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.gz", "a.zip", "a.csv.zip"])
def test_unknown_formats(name: str) -> None:
    with pytest.raises(
        PetMtlError,
        match=(
            r"unknown data format .*\n  hint: known are "
            r"\.csv"
        ),
    ):
        data_format(Path(name))


def test_a_spreadsheet_has_a_way_out() -> None:
    with pytest.raises(PetMtlError, match="save the sheet as CSV"):
        data_format(Path("a.XLSX"))


def compress(suffix: str, data: bytes) -> bytes:
    if suffix == ".zst":
        return pa.compress(data, codec="zstd", asbytes=True)
    return {".gz": gzip, ".bz2": bz2, ".xz": lzma}[suffix].compress(data)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize(
    ("name", "content"),
    [("t.csv", "a\t0\nb\t1\n"), ("t.csv", "a,0\nb,1\n")],
)
def test_compressed_delimited_files(make_task, write, suffix: str, name: str, content: str) -> None:
    path = write(name + suffix, compress(suffix, content.encode()))
    rows, _ = read_rows(path.name, make_task(), base=path.parent)
    assert rows.fields["title"].to_pylist() == ["a", "b"]
    assert rows.where(1) == f"{path}:2"


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_compressed_json_and_parquet(make_task, write, tmp_path: Path, suffix: str) -> None:
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"title": ["a"], "label": [1]}), tmp_path / "plain.parquet")
    contents = {
        "t.json": b'[{"title": "a", "label": 1}]',
        "t.parquet": (tmp_path / "plain.parquet").read_bytes(),
    }
    for name, content in contents.items():
        path = write(name + suffix, compress(suffix, content))
        rows, _ = read_rows(
            path.name, make_task({"title": "title", "label": "label"}), base=path.parent
        )
        assert (rows.text(0), rows.labels.tolist()) == ({"title": "a"}, [1])


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("content", ["plain", "cut"])
def test_damaged_files(make_task, write, suffix: str, content: str) -> None:
    data = b"a\t0\n" if content == "plain" else compress(suffix, b"a\t0\nb\t1\n" * 1000)[:-9]
    path = write("t.tsv" + suffix, data)
    with pytest.raises(PetMtlError, match="cannot read the file") as caught:
        read_rows(path.name, make_task(), base=path.parent)
    assert caught.value.problems[0].where == str(path)


@pytest.mark.parametrize(
    ("suffix", "unpack"), [(".gz", "gzip"), (".bz2", "bzip2"), (".xz", "xz"), (".zst", "zstd")]
)
@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_a_compressed_file_is_unpacked_before_it_is_converted(
    make_task, write, suffix: str, unpack: str, encoding: str
) -> None:
    path = write(f"my t.tsv{suffix}", compress(suffix, "新闻\t0\n".encode(encoding)))
    with pytest.raises(PetMtlError) as caught:
        read_rows(path.name, make_task(), base=path.parent)
    assert str(caught.value.problems[0].hint).endswith(
        f"convert it: `{unpack} -dc '{path}' | iconv -f {encoding} -t utf-8 > "
        f"'{path.parent}/my t.utf8.tsv'`"
    )


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_the_command_that_converts_quotes_paths(make_task, write, encoding: str) -> None:
    path = write("my t.tsv", "新闻\t0\n".encode(encoding))
    with pytest.raises(PetMtlError) as caught:
        read_rows(path.name, make_task(), base=path.parent)
    command = f"iconv -f {encoding} -t utf-8 '{path}' > '{path.parent}/my t.utf8.tsv'"
    assert f"convert it: `{command}`" in str(caught.value)


def test_first_line_skips_mark_and_blank_lines(write) -> None:
    assert first_line(write("t", "\ufeff\r\n\n a \r\nb\n")) == b" a "
    assert first_line(write("e", "\n\n")) == b""


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04\x14\0\x08\0\xbb\xd0", "a zip archive, as `.xlsx` sheets are"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a spreadsheet or another file of Office"),
        (b"PAR1\x15\x04\x15\x14", "a parquet file"),
        (b"ARROW1\0\0\xff\xff", "an Arrow (Feather) file"),
        (gzip.compress(b"text,label\n"), "packed by gzip"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:a\n", "a pointer of Git LFS"),
    ],
)
@pytest.mark.parametrize("tolerant", [False, True])
def test_other_files_are_known_whatever_they_are_called(
    make_task, write, name: str, content: bytes, what: str, tolerant: bool
) -> None:
    file = write(name, content)
    task = make_task({"text": "text", "label": "label"})
    with pytest.raises(PetMtlError) as caught:
        read_rows(file.name, task, base=file.parent, tolerant=tolerant)
    told = f"whatever its name says, the file is {what}"
    if name == "a.parquet" and what == "a parquet file":
        told = "cannot read the parquet file: "
    assert caught.value.problems[0].message.startswith(told)
