"""Several streams in one compressed file, texts in other encodings, quotes that are text."""

import bz2
import lzma
import zlib
from pathlib import Path

import pytest

from pet_mtl.data.encoding import find_encoding
from pet_mtl.data.files import open_bytes
from pet_mtl.data.readers import read_lines, read_rows
from pet_mtl.errors import PetMtlError

PACK = {".bz2": bz2.compress, ".xz": lzma.compress}
SIMPLIFIED = "今天的新闻很好看\t体育\n国际经济形势，请看报道\t财经\n"
ZEROS = bytes(8)


@pytest.mark.parametrize("suffix", PACK)
def test_all_streams_are_read(write, suffix: str) -> None:
    parts = [b"a\t0\n" * 50_000, b"", b"b\t1\n", *[b"c\t0\n"] * 3000]
    packed = {part: PACK[suffix](part) for part in set(parts)}
    path = write("t.tsv" + suffix, b"".join(packed[part] for part in parts))
    with open_bytes(path) as stream:
        assert stream.read() == b"".join(parts)
    with open_bytes(path) as stream:
        assert [stream.read(3), *stream.readlines()] == [
            b"a\t0",
            b"\n",
            *b"".join(parts).splitlines(keepends=True)[1:],
        ]


@pytest.mark.parametrize("more", [b"", b"b\t1\n"])
@pytest.mark.parametrize("zeros", [ZEROS, bytes(1 << 20)])
def test_zeros_after_a_stream(write, more: bytes, zeros: bytes) -> None:
    path = write("t.tsv.xz", lzma.compress(b"a\t0\n") + zeros + (more and lzma.compress(more)))
    with open_bytes(path) as stream:
        assert stream.read() == b"a\t0\n" + more


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".bz2", b"\0" * 8),
        (".bz2", b"BZ"),
        (".bz2", b"b\t1\n"),
        (".xz", b"\0" * 3),
        (".xz", b"\0" * 4 + b"\xfd7z"),
        (".xz", b"\0" * 2 + lzma.compress(b"b\t1\n")),
        (".xz", b"b\t1\n"),
    ],
)
def test_what_follows_a_stream_is_told(make_task, write, suffix: str, damage: bytes) -> None:
    first = PACK[suffix](b"a\t0\n")
    path = write("t.tsv" + suffix, first + damage)
    with pytest.raises(PetMtlError) as caught:
        read_rows(path.name, make_task(), base=path.parent)
    assert str(caught.value) == (
        f"{path}: cannot read the file: after {len(first)} bytes something else follows\n"
        f"  hint: is the `{suffix}` file complete?"
    )


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("kind", ["cut", "damaged"])
def test_a_later_stream_that_is_damaged(make_task, write, suffix: str, kind: str) -> None:
    second = bytearray(PACK[suffix](b"b\t1\n" * 99))
    if kind == "cut":
        del second[-9:]
    else:
        second[len(second) // 2] ^= 0xFF
    path = write("t.tsv" + suffix, PACK[suffix](b"a\t0\n") + second)
    with pytest.raises(PetMtlError, match="cannot read the file"):
        read_rows(path.name, make_task(), base=path.parent)


def titles(path: Path, task, **options) -> list[str]:
    rows, _ = read_rows(path.name, task, base=path.parent, labelled=False, **options)
    return rows.fields["title"].to_pylist()


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_utf_32_is_known_by_its_mark(make_task, write, encoding: str) -> None:
    path = write("t.tsv", "\ufeff新闻\t0\n体育\t1\n".encode(encoding))
    with pytest.raises(PetMtlError, match=r"(?s)the file is UTF-32.*`iconv -f utf-32 -t utf-8 "):
        titles(path, make_task())
    assert titles(path, make_task(), tolerant=True) == ["新闻", "体育"]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.jsonl", "t.json"])
@pytest.mark.parametrize("text", ["news\t0\nsport\t1\n", SIMPLIFIED, "长" * 60 + "\t0\n"])
@pytest.mark.parametrize("encoding", ["utf-16le", "utf-16be"])
@pytest.mark.parametrize("tolerant", [False, True])
def test_utf_16_without_a_mark(
    make_task, write, name: str, text: str, encoding: str, tolerant: bool
) -> None:
    content = '{"title": "news"}\n' if "json" in name else text
    path = write(name, content.encode(encoding))
    task = make_task({"title": "title", "label": "label"} if "json" in name else None)
    with pytest.raises(PetMtlError, match=f"(?s)UTF-16 without.*`iconv -f {encoding} -t utf-8 "):
        titles(path, task, tolerant=tolerant)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt"])
def test_what_utf_16_lacks_is_told_where_it_is_read(make_task, write, name: str) -> None:
    path = write(name, "titel\tlabel\nnews\t0\n".encode("utf-16"))
    with pytest.raises(PetMtlError, match="no column `title`") as caught:
        titles(path, make_task({"title": "title", "label": "label"}), tolerant=True)
    assert "is it `titel`?" in str(caught.value)


def test_nul_in_a_text_is_text(make_task, write) -> None:
    path = write("t.tsv", "a\0b\t0\n\0\0\t1\n")
    assert titles(path, make_task()) == titles(path, make_task(), tolerant=True) == ["a\0b", "\0\0"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("今天的新聞很好看\t體育\n國際經濟\t財經\n", "big5"),
        ("今日のニュースはとても良い\tスポーツ\n日本の経済\t経済\n", "shift_jis"),
        ("élève\tà\nDéjà vu, ÉÈ\tÀÉ\n", "latin-1"),
        ("Gemüse für große Männer schön hören\tüßöä\n", "latin-1"),
    ],
)
def test_what_is_neither_utf_8_nor_gb18030(make_task, write, text: str, encoding: str) -> None:
    path = write("t.tsv", text.encode(encoding))
    try:
        assert find_encoding(path) == "utf-8"  # its rows are then told to be none
    except PetMtlError as error:
        problem = error.problems[0]
        assert (problem.message, problem.where) == ("neither UTF-8 nor GB18030", str(path))
        assert f"`iconv -f CHARSET -t utf-8 {path} > " in str(problem.hint)
        with pytest.raises(PetMtlError, match="neither UTF-8 nor GB18030") as caught:
            read_lines(path.read_bytes(), make_task(), "stdin")
        assert caught.value.problems[0].where == "stdin"
    with pytest.raises(PetMtlError, match=r"neither UTF-8 nor GB18030|not UTF-8"):
        titles(path, make_task(), tolerant=True)


@pytest.mark.parametrize(
    "text",
    [
        SIMPLIFIED,
        "新闻\t0\n",
        "朱镕基和陶喆看體育新聞\t财经\n",
        "今天的新聞很好看，請看報道\t體育\n",
        "好😀😀😀😀\t0\n",
        "\ue415" + SIMPLIFIED * 9,
        "“引号”——……《书》、１２３ａｂ\t0\n",
    ],
)
def test_chinese_in_gb18030_is_read(make_task, write, text: str) -> None:
    path = write("t.tsv", text.encode("gb18030"))
    assert find_encoding(path) == "gb18030"
    expected = [line.split("\t")[0] for line in text.splitlines()]
    assert titles(path, make_task(), tolerant=True) == expected


@pytest.mark.parametrize("name", ["t.tsv", "t.txt", "t.TSV.bz2"])
@pytest.mark.parametrize("tolerant", [False, True])
def test_quotes_between_tabs_are_text(make_task, write, name: str, tolerant: bool) -> None:
    content = 'a\rb "c\t0\nsecond\t1\nthird\t0\n'
    path = write(name, bz2.compress(content.encode()) if name.endswith("bz2") else content)
    assert titles(path, make_task(), tolerant=tolerant) == ['a\rb "c', "second", "third"]


def test_quotes_of_a_text_a_line_are_text(make_task, write) -> None:
    lines = 'a\rb "c\nsecond\nthird\n'
    path = write("t.txt", lines)
    expected = ['a\rb "c', "second", "third"]
    assert titles(path, make_task({"title": 0, "label": 1}), tolerant=True) == expected
    rows = read_lines(lines.encode(), make_task({"title": 0, "label": 1}), "stdin")
    assert rows.fields["title"].to_pylist() == expected


def test_an_xz_file_does_not_choose_how_much_memory_it_takes(write) -> None:
    packed = bytearray(lzma.compress(b"a\t0\n"))
    size = (packed[12] + 1) * 4  # of the header of the first block
    packed[packed.index(b"\x21\x01", 12) + 2] = 39  # 3 GiB
    packed[8 + size : 12 + size] = zlib.crc32(packed[12 : 8 + size]).to_bytes(4, "little")
    path = write("t.tsv.xz", bytes(packed))
    with pytest.raises(PetMtlError, match="emory") as caught, open_bytes(path) as stream:
        stream.read()
    assert caught.value.problems[0].where == str(path)
    assert "smaller dictionary" in (caught.value.problems[0].hint or "")
