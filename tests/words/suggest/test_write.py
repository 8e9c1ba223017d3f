from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
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
        ('"1 0" "a b" c # d\n', {"1 0": ["#"]}, '"1 0" "#" # d\n'),
        ("\ufeff100  故事\n", {"100": ["小说"]}, "\ufeff100  小说\n"),
        ("# 100  故事\n\n100  故事\n", {"100": ["小说"]}, "# 100  故事\n\n100  小说\n"),
        (
            '100   "故事"  传说\n',
            {"100": ["故事", "传说"]},
            '100   "故事"  传说\n',
        ),  # the same words: not touched
        ("100  故事\n", {}, "100  故事\n"),
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


def test_words_without_a_file_are_written_anew(tmp_path: Path) -> None:
    import toys

    file = tmp_path / "new.txt"
    write_words(
        file, toys.make_verbalizer({"0": ["好"], "1": ["坏"]}), {"0": ["棒"], "1": ["坏", "差"]}
    )
    assert file.read_text("utf-8") == "0  棒\n1  坏 差\n"
