import bz2
import gzip
import json
import lzma
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining import corpus
from pet_mtl.pretraining.corpus import MOST_PARAGRAPHS, find_corpus

DOCUMENTS = [["第一段", "第二段"], ["另一篇"]]
TEXT = "\n第一段 \n第二段\n\n\n  \n另一篇"
LINES = "".join(
    json.dumps({"text": "\n".join(d), "n": 1}, ensure_ascii=False) + "\n" for d in DOCUMENTS
)


def read(*files: Path, text_key: str = "text") -> list[list[str]]:
    return list(find_corpus([str(file) for file in files], text_key).documents())


@pytest.mark.parametrize(
    "content",
    [TEXT, TEXT.replace("\n", "\r\n"), "\ufeff" + TEXT, TEXT.replace("\n\n\n", "\n\ufeff\n")],
)
def test_txt(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(content.encode())
    assert read(file) == DOCUMENTS


@pytest.mark.parametrize(
    ("suffix", "name"), [(TEXT, "a.txt"), (LINES, "a.jsonl"), (LINES, "a.json")]
)
def test_compressed(tmp_path: Path, suffix: str, name: str) -> None:
    raw = suffix.encode()
    zst = tmp_path / f"{name}.zst"
    with pa.output_stream(str(zst), compression="zstd") as stream:
        stream.write(raw)
    for end, pack in (
        (".gz", gzip.compress),
        (".xz", lzma.compress),
        (".bz2", bz2.compress),
        ("", bytes),
    ):
        (tmp_path / f"{name}{end}").write_bytes(pack(raw))
        assert read(tmp_path / f"{name}{end}") == DOCUMENTS
    assert read(zst) == DOCUMENTS


def test_paragraphs_that_end_in_carriage_returns(tmp_path: Path) -> None:
    text = "\r\r".join("\r".join(document) for document in DOCUMENTS)
    (tmp_path / "a.txt").write_bytes(text.encode())
    assert read(tmp_path / "a.txt") == DOCUMENTS


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({"content": ["\n".join(document) for document in DOCUMENTS], "n": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", text_key="content") == DOCUMENTS
    with pytest.raises(PetMtlError, match="no column `text`"):
        read(tmp_path / "a.parquet")


def test_files_follow_one_another_and_globs_are_sorted(tmp_path: Path) -> None:
    for name in "cab":
        (tmp_path / f"{name}.txt").write_text(name, encoding="utf-8")
    assert read(tmp_path / "*.txt") == [["a"], ["b"], ["c"]]
    assert read(tmp_path / "c.txt", tmp_path / "a.txt") == [["c"], ["a"]]


def test_a_file_of_lines_without_a_blank_one_is_no_single_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("行\n" * (MOST_PARAGRAPHS + 3), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(
        json.dumps({"text": "行\n" * (MOST_PARAGRAPHS + 3)}), encoding="utf-8"
    )
    for name in ("a.txt", "b.jsonl"):
        assert [len(document) for document in read(tmp_path / name)] == [MOST_PARAGRAPHS, 3]


def test_a_very_long_text_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cell of 50 MB took 4 GB to tokenise at once."""
    monkeypatch.setattr(corpus, "MOST_CHARACTERS", 5)
    lines = ["天地人", "你我", "一二三四五六七八九十百千", "好", "坏坏坏坏坏", "新"]
    text = "\n".join(lines)
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps([{"text": text}]), encoding="utf-8")
    pq.write_table(pa.table({"text": [text]}), tmp_path / "c.parquet")
    for name in ("a.txt", "b.json", "c.parquet"):
        found = read(tmp_path / name)
        assert "".join(map("".join, found)) == "".join(lines)
        assert all(0 < len("".join(document)) <= 5 for document in found)
        assert found[:3] == [["天地人", "你我"], ["一二三四五"], ["六七八九十"]]


@pytest.mark.parametrize(
    ("name", "content", "words", "where"),
    [
        ("a.txt", "好\n坏\n".encode() + "新闻".encode("gb18030") + b"\n", "not UTF-8", "a.txt:3"),
        ("a.txt", "好".encode("utf-16"), "UTF-16", "a.txt"),
        ("a.jsonl", b'{"text": "a"}\n{"body": "b"}\n', "no key `text`", "a.jsonl:2"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "invalid JSON", "a.jsonl:2"),
        ("a.csv", b"a,b\n", "holds a table", "a.csv"),
        ("a.pdf", b"x", "unknown data format", "a.pdf"),
        ("a.txt.gz", b"no gzip", "cannot read the file", "a.txt.gz"),
        (
            "a.txt.xz",
            lzma.compress("好\n".encode() * 9999)[:-20],
            "cannot read the file",
            "a.txt.xz",
        ),
        ("a.parquet", b"PAR1", "cannot read the parquet file", "a.parquet"),
    ],
)
def test_wrong_files(tmp_path: Path, name: str, content: bytes, words: str, where: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PetMtlError, match=words) as caught:
        read(tmp_path / name)
    assert where in str(caught.value)


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError) as caught:
        find_corpus([str(tmp_path / "x.txt"), str(tmp_path / "y.txt"), str(tmp_path)])
    assert len(caught.value.problems) == 3


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    for name, text in (("a.txt", "好"), ("b.txt", "好"), ("c.txt", "坏")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    a, b, c = (find_corpus([str(tmp_path / f"{name}.txt")]).digest for name in "abc")
    assert a == b != c
    assert find_corpus([str(tmp_path / "a.txt")], "body").digest != a


def test_a_wrong_key_is_named_as_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(LINES, encoding="utf-8")
    twice = pa.table([pa.array(["a"]), pa.array(["b"])], names=["body", "body"])
    pq.write_table(twice, tmp_path / "b.parquet")
    with pytest.raises(PetMtlError) as caught:
        find_corpus([str(tmp_path / "*.jsonl"), str(tmp_path / "*.parquet")], "body")
    lines = str(caught.value).splitlines()
    assert "no key `body` (wanted by `--text-key`), found `text`, `n`" in lines[0]
    assert "the header names `body` twice (wanted by `--text-key`)" in str(caught.value)
    assert "columns.text" not in str(caught.value)


def test_an_empty_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"": "a"}\n', encoding="utf-8")
    with pytest.raises(PetMtlError, match="--text-key: is empty"):
        find_corpus([str(tmp_path / "a.jsonl")], "")


def test_a_key_without_files_that_have_keys_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("好", encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("坏".encode()))
    find_corpus([str(tmp_path / "*")], "body")
    told = capsys.readouterr().err
    assert told == "warning: `--text-key body` does nothing: .txt files have no keys\n"
    (tmp_path / "c.jsonl").write_text('{"body": "红"}\n', encoding="utf-8")
    find_corpus([str(tmp_path / "*")], "body")
    assert not capsys.readouterr().err


def test_files_without_text_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in (
        ("a.txt", b""),
        ("b.txt", b" \n\n"),
        ("c.jsonl", b""),
        ("d.txt.gz", gzip.compress(b"")),
        ("e.json", b"[]"),
        ("f.jsonl", b'{"text": " "}\n'),
    ):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "z.txt").write_text("好", encoding="utf-8")
    assert read(tmp_path / "*.*") == [["好"]]
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("warning: 6 files of the corpus hold no text: ")
    assert told.endswith("e.json and 1 more")
    assert read(tmp_path / "z.txt") == [["好"]]
    assert not capsys.readouterr().err


def test_a_file_named_twice_is_read_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(name, encoding="utf-8")
    (tmp_path / "c.txt").symlink_to("a.txt")
    corpus = find_corpus([str(tmp_path / name) for name in ("b.txt", "[ab].txt", "c.txt")])
    assert list(corpus.documents()) == [["b"], ["a"]]
    (told,) = capsys.readouterr().err.splitlines()
    assert told == (
        "warning: 2 files of the corpus are named more than once and read once: "
        f"{tmp_path / 'b.txt'}, {tmp_path / 'c.txt'}"
    )
    assert corpus.digest == find_corpus([str(tmp_path / "b.txt"), str(tmp_path / "a.txt")]).digest
