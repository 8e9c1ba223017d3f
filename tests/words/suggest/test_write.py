import os
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.verbalizer import read_verbalizer
from pet_mtl.words.suggest.write import check_writable, edit, write_words

TEXT = """\
# news
# label   words

100       故事 传说   # stories
"so so"   "very good" "a # b"
101       文化# no comment
"""
WORDS = {"100": ["小说", "故 事"], "so so": ["fine"], "101": ["文化#", "x"]}


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("100  故事\n", {"100": ["小说"]}, "100  小说\n"),
        ("100  故事 传说   # c 故事\n", {"100": ["传说"]}, "100  传说   # c 故事\n"),
        ("100\t故事", {"100": ["a", "b c"]}, '100\ta "b c"'),
        ("  100  故事  \r\n101 x\r\n", {"100": ["y"]}, "  100  y  \r\n101 x\r\n"),
        ("# a\r100  故事\r101 x\r", {"100": ["y"]}, "# a\r100  y\r101 x\r"),
        ("1 a\r\n2 b\r3 c\n\r4 d", {"2": ["y"], "4": ["z"]}, "1 a\r\n2 y\r3 c\n\r4 z"),
        ("1 a\x0b2\u20283\n", {"1": ["y"]}, "1 y\n"),  # these end no line
        ('"1 0" "a b" c # d\n', {"1 0": ["#"]}, '"1 0" "#" # d\n'),
        ("\ufeff100  故事\n", {"100": ["小说"]}, "\ufeff100  小说\n"),
        ("# 100  故事\n\n100  故事\n", {"100": ["小说"]}, "# 100  故事\n\n100  小说\n"),
        (
            '100   "故事"  传说\n',
            {"100": ["故事", "传说"]},
            '100   "故事"  传说\n',
        ),  # the same words: not touched
        ("100  故事\n", {}, "100  故事\n"),
        ("", {"1 0": ["y"], "2": ["z", "a b"]}, '"1 0"  y\n2  z "a b"\n'),
        ("\ufeff", {"1": ["y"]}, "\ufeff1  y\n"),
        ("# c\r1 x", {"2": ["z"]}, "# c\r1 x\r2  z\r"),
        ("1 x\r\n", {"2": ["z"], "1": ["x"]}, "2  z\r\n1 x\r\n"),
        ("1 x\n# c\n4 u", {n: [n] for n in "12345"}, "1 1\n# c\n2  2\n3  3\n4 4\n5  5\n"),
        ("100\n101  x\n", {"100": ["y", "z"]}, "100  y z\n101  x\n"),
        ('"1 0"   # c\r\n', {"1 0": ["y"]}, '"1 0"  y   # c\r\n'),
    ],
)
def test_edit(text: str, words: dict[str, list[str]], expected: str) -> None:
    assert edit(text, words) == expected


def test_a_file_is_changed_in_place(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text(TEXT, encoding="utf-8")
    write_words(file, read_verbalizer(file), WORDS)
    new = read_verbalizer(file)
    assert dict(zip(new.labels, map(list, new.words), strict=True)) == WORDS
    assert [line for line in file.read_text("utf-8").split("\n") if line.startswith("#")] == [
        "# news",
        "# label   words",
    ]
    assert "# stories" in file.read_text("utf-8")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_stays_whatever_ends_it(tmp_path: Path, end: str) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes(TEXT.replace("\n", end).encode())
    write_words(file, read_verbalizer(file), WORDS)
    assert file.read_bytes() == edit(TEXT, WORDS).replace("\n", end).encode()
    assert dict(zip(WORDS, read_verbalizer(file).words, strict=True)) == {
        label: tuple(words) for label, words in WORDS.items()
    }


def test_a_new_file_starts_as_a_copy(tmp_path: Path) -> None:
    source, file = tmp_path / "words.txt", tmp_path / "new.txt"
    source.write_text(TEXT, encoding="utf-8")
    write_words(file, read_verbalizer(source), WORDS)
    assert source.read_text("utf-8") == TEXT
    assert file.read_text("utf-8") == edit(TEXT, WORDS)


@pytest.mark.parametrize(
    ("name", "text"), [("words.json", '{"a": ["x"], "b": ["y"]}'), ("words.txt", "x, y\nz\n")]
)
def test_other_formats_are_written_anew_but_not_changed(
    tmp_path: Path, name: str, text: str
) -> None:
    source, file = tmp_path / name, tmp_path / "new.txt"
    source.write_text(text, encoding="utf-8")
    old = read_verbalizer(source)
    words = {label: [f"word{number}"] for number, label in enumerate(old.labels)}
    write_words(file, old, words)
    assert read_verbalizer(file).words == (("word0",), ("word1",))
    with pytest.raises(PetMtlError, match="own format"):
        check_writable(source)
    assert source.read_text("utf-8") == text
    check_writable(file)
    check_writable(tmp_path / "not there yet.txt")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(PetMtlError, match="this is a device or a pipe, not a file"):
            check_writable(tmp_path / "pipe")


def test_words_go_to_where_a_link_leads(tmp_path: Path) -> None:
    file, link = tmp_path / "words.txt", tmp_path / "link.txt"
    file.write_text(TEXT, encoding="utf-8")
    file.chmod(0o600)
    link.symlink_to(file)
    check_writable(link)
    write_words(link, read_verbalizer(link), WORDS)
    assert link.is_symlink()
    assert file.read_text("utf-8") == edit(TEXT, WORDS)
    assert file.stat().st_mode & 0o777 == 0o600
    (tmp_path / "circle.txt").symlink_to("circle.txt")
    with pytest.raises(PetMtlError, match="circle"):
        check_writable(tmp_path / "circle.txt")


def test_words_without_a_file_are_written_anew(tmp_path: Path) -> None:
    import toys

    file = tmp_path / "new.txt"
    write_words(
        file, toys.make_verbalizer({"0": ["好"], "1": ["坏"]}), {"0": ["棒"], "1": ["坏", "差"]}
    )
    assert file.read_text("utf-8") == "0  棒\n1  坏 差\n"


def test_words_that_stand_in_a_pattern_file_are_written_anew(tmp_path: Path) -> None:
    (tmp_path / "suite.conf").write_text(
        'version: 1\nmodel: zh-mini\ntasks:\n  toy:\n    patterns: "{mask}{text}"\n'
        "    verbalizer: {a: 好, b: 坏}\n    columns: {text: 0, label: 1}\n"
        "    data: {train: x.tsv}\n",
        encoding="utf-8",
    )
    old = load_suite(tmp_path / "suite.conf").tasks["toy"].verbalizer
    write_words(tmp_path / "words.txt", old, {"a": ["优"], "b": ["坏"]})
    assert read_verbalizer(tmp_path / "words.txt").words == (("优",), ("坏",))
