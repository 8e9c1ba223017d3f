import json
import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.label_lines import LabelEntry
from pet_mtl.suite.verbalizer import (
    Verbalizer,
    build_verbalizer,
    format_verbalizer,
    read_verbalizer,
)
from pet_mtl.text import INVISIBLE


def read(folder: Path, content: str | bytes, name: str = "v.txt") -> Verbalizer:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_verbalizer(path)


def words(verbalizer: Verbalizer) -> dict[str, tuple[str, ...]]:
    return dict(zip(verbalizer.labels, verbalizer.words, strict=True))


VALID: dict[str, tuple[str | bytes, dict[str, tuple[str, ...]]]] = {
    "plain": ("100 故事 传说\n101 文化\n", {"100": ("故事", "传说"), "101": ("文化",)}),
    "no last line end": ("0 坏\n1 好", {"0": ("坏",), "1": ("好",)}),
    "comments and blank lines": (
        "# x\n\n0 坏 # y 好\n  # z\n1 好#1\n",
        {"0": ("坏",), "1": ("好#1",)},
    ),
    "quoted": (
        '"so so" "very good"\n"a#b" "x\\"y" "\\\\"\n',
        {"so so": ("very good",), "a#b": ('x"y', "\\")},
    ),
    "quote inside": ('0 a"b\n1 c\n', {"0": ('a"b',), "1": ("c",)}),
    "apostrophes": (
        "0 'tis o'er\n1 don't “a\n2 \"'a b'\" ' \n",
        {"0": ("'tis", "o'er"), "1": ("don't", "“a"), "2": ("'a b'", "'")},
    ),
    "backslash outside quotes": ("0 a\\n\n1 \\\n", {"0": ("a\\n",), "1": ("\\",)}),
    "wide and tab space": ("0\u3000坏\u3000差\n1\t好\n", {"0": ("坏", "差"), "1": ("好",)}),
    "byte order mark": (b"\xef\xbb\xbf0 a\n1 b\n", {"0": ("a",), "1": ("b",)}),
    "carriage returns": ("0 a\r\n1 b\r\n", {"0": ("a",), "1": ("b",)}),
    "old line ends": ("0 a\r1 b\r", {"0": ("a",), "1": ("b",)}),
    ("unicode line separator is no line end"): (
        "0 a\u2028c\n1 b\n",
        {"0": ("a", "c"), "1": ("b",)},
    ),
    "a shared word": ("0 a b\n1 a c\n", {"0": ("a", "b"), "1": ("a", "c")}),
    "quoted comma": ('0 "a,b"\n1 c\n', {"0": ("a,b",), "1": ("c",)}),
    "emoji": ("0 😀\n1 👩‍🚀\n", {"0": ("😀",), "1": ("👩‍🚀",)}),
    "a heart on fire": ("0 ❤\ufe0f\u200d🔥\n1 b\n", {"0": ("❤\ufe0f\u200d🔥",), "1": ("b",)}),
    "joiners that a script needs": (
        "0 می\u200cخواهم\n1 ශ්\u200dරී\n",
        {"0": ("می\u200cخواهم",), "1": ("ශ්\u200dරී",)},
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_valid_files(name: str, tmp_path: Path) -> None:
    content, expected = VALID[name]
    assert words(read(tmp_path, content)) == expected


INVALID: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", ["v.txt: the file is empty"]),
    "white space only": (" \n\t\n", ["v.txt: the file is empty"]),
    "comments only": ("# a\n# b\n", ["v.txt: no labels; a task needs at least two labels"]),
    "no word": ("0 a\n1\n", ['v.txt:2: label "1" has no label word']),
    "no word anywhere": (
        "100\n101\n",
        ['v.txt:1: label "100" has no label word', ('v.txt:2: label "101" has no label word')],
    ),
    "comma between label and word": (
        "100,故事\n101,文化\n",
        ['v.txt:1: label "100,故事" has', 'v.txt:2: label "101,文化" has'],
    ),
    "comma between words": (
        "0 a,b\n1 坏、差\n2 好|行\n",
        [
            'v.txt:1: the label word "a,b" holds `,`',
            'v.txt:2: the label word "坏、差" holds `、`',
            'v.txt:3: the label word "好|行" holds `|`',
        ],
    ),
    "duplicate label": ("0 a\n1 b\n0 c\n", ['v.txt:3: label "0" stands on line 1 already']),
    "labels that differ in outer white space": (
        '"a" x\n"b" y\n"a " z\n"\u3000b" w\n',
        [
            'v.txt:3: labels "a" (line 1) and "a " differ only in white space around them',
            'v.txt:4: labels "b" (line 2) and "\u3000b" differ only in white space around them',
        ],
    ),
    "duplicate word": ("0 a b a\n1 c\n", ['v.txt:1: label "0" has the word "a" twice']),
    "same words": (
        "0 a b\n1 c\n2 b a\n",
        ['v.txt:3: labels "0" (line 1) and "2" have the same label words'],
    ),
    "same words in two Unicode forms": (
        "0 café ab\n1 c\n2 ab cafe\u0301\n",
        ['v.txt:3: labels "0" (line 1) and "2" have the same label words, but for how Unicode'],
    ),
    "one label": ("0 a\n", ["v.txt:1: only one label; a task needs at least two labels"]),
    "unclosed quote": ('0 a\n1 "b c\n', [("v.txt:2: the quote at character 3 is never closed")]),
    "unclosed label": (
        '"0 a\n"1 b\n',
        ["v.txt:1: the quote at character 1 is never closed", "v.txt:2: the quote"],
    ),
    "text behind a quote": ('0 "a"b\n1 c\n', [('v.txt:1: no white space behind the quoted "a"')]),
    "quotes that are none": (
        "坏 '坏 的'\n好 “好 的” 行\n'so so' 一般\n3 ‘差’\n4 很\n",
        [
            "v.txt:1: the quotes of '坏 的' would be part of its words\n"
            '  hint: only `"` is a quote here: "坏 的"; if they belong to it: "\'坏 的\'"',
            "v.txt:2: the quotes of “好 的”",
            "v.txt:3: the quotes of 'so so'",
            "v.txt:4: the quotes of ‘差’",
        ],
    ),
    "quoted labels alone": (
        '"a b"\n"c d"\n',
        ['v.txt:1: label "a b" has no label word', 'v.txt:2: label "c d" has'],
    ),
    "empty word": ('0 ""\n1 a\n', ["v.txt:1: the label word is empty"]),
    "empty label": ('"" b\n1 a\n', ["v.txt:1: the label is empty"]),
    "zero width space": (
        "0 a\u200b\n1 b\n",
        ['v.txt:1: the label word "a\\u200b" holds the invisible character U+200B'],
    ),
    "control character": ("0 a\x07\n1 b\n", ["v.txt:1: the label word"]),
    "other invisible characters": (
        "0 a\u00ad\n1 \u2060b\n2 \u202e体育\na c\na\u200d d\n3 \u3164\n",
        [
            'v.txt:1: the label word "a\\xad" holds the invisible character U+00AD',
            'v.txt:2: the label word "\\u2060b" holds the invisible character U+2060',
            'v.txt:3: the label word "\\u202e体育" holds the invisible character U+202E',
            'v.txt:5: the label "a\\u200d" holds the invisible character U+200D',
            'v.txt:6: the label word "\\u3164" holds the invisible character U+3164',
        ],
    ),
    "labels that look alike": (
        "café a\ncafe\u0301 b\n",
        ['v.txt:2: labels "café" (line 1) and "cafe\u0301" look alike'],
    ),
    "several": (
        '0\n1 a a\n1 b\n2 "x\n',
        ["v.txt:4: the quote", "v.txt:1: label", "v.txt:2: label", "v.txt:3: label"],
    ),
    "gbk": ("0 坏\n1 好\n".encode("gbk"), ["v.txt:1: not UTF-8: byte 2 is 0xbb"]),
    "gbk behind a mark": (b"\xef\xbb\xbf0 a\n1 \xff", [("v.txt:2: not UTF-8: byte 9 is 0xff")]),
    "utf-16": ("0 a\n1 b\n".encode("utf-16"), ["v.txt:1: not UTF-8: byte 0 is 0xff"]),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_files_name_line_and_rule(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, starts = INVALID[name]
    monkeypatch.chdir(tmp_path)
    Path("v.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PetMtlError) as caught:
        read_verbalizer(Path("v.txt"))
    shown = [str(problem) for problem in caught.value.problems]
    for start in starts:
        assert any(line.startswith(start) for line in shown), shown
    assert len(shown) == len(starts), shown


def test_encoding_hints(tmp_path: Path) -> None:
    for content, hint in (
        ("0 坏".encode("gbk"), "GBK"),
        ("0 a".encode("utf-16"), "UTF-16"),
        (b"0 \xff\xff", "UTF-8"),
    ):
        with pytest.raises(PetMtlError) as caught:
            read(tmp_path, content)
        assert hint in str(caught.value.problems[0].hint)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="file not found") as caught:
        read_verbalizer(tmp_path / "no" / "v.txt")
    assert f"folder `{tmp_path / 'no'}` does not exist" in str(caught.value)
    with pytest.raises(PetMtlError, match="is a folder"):
        read_verbalizer(tmp_path)
    with pytest.raises(PetMtlError, match="cannot be read"):
        read_verbalizer(tmp_path / "a\0b")
    with pytest.raises(PetMtlError, match="cannot be read"):
        read_verbalizer(tmp_path / ("x" * 1000))


def test_lines_and_places(tmp_path: Path) -> None:
    verbalizer = read(tmp_path, "# x\n0 a\n\n1 b\n")
    assert verbalizer.lines == (2, 4)
    assert verbalizer.where(1) == f"{tmp_path / 'v.txt'}:4"
    assert Verbalizer(labels=("0", "1"), words=(("a",), ("b",)), source="x").where(0) == "x"


@pytest.mark.parametrize(
    "fields",
    [
        {"labels": ("0",), "words": (("a",),)},
        {"labels": ("0", "0"), "words": (("a",), ("b",))},
        {"labels": ("0", "1"), "words": (("a",),)},
        {"labels": ("0", "1"), "words": (("a",), ())},
        {"labels": ("0", "1"), "words": (("a",), ("b",)), "lines": (1,)},
        {"labels": ("0", "1"), "words": (("a",), ("b",)), "colour": "red"},
    ],
)
def test_a_verbalizer_that_makes_no_sense_cannot_be_built(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Verbalizer.model_validate(fields)


VISIBLE = st.text(
    st.characters().filter(lambda character: not re.match(f"[\\n\\t{INVISIBLE}]", character)),
    min_size=1,
    max_size=6,
)
TRICKY = st.text(st.sampled_from("a\" \\#,，0\u3000'“”"), min_size=1, max_size=5)
TEXTS = (VISIBLE | TRICKY).filter(str.strip)


@given(
    st.dictionaries(
        TEXTS, st.lists(TEXTS, min_size=1, max_size=3, unique=True), min_size=2, max_size=5
    )
)
def test_reading_what_was_formatted_gives_it_back(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, list[str]]
) -> None:
    entries = [
        LabelEntry(label, tuple(row), line)
        for line, (label, row) in enumerate(table.items(), start=1)
    ]
    forms = [[unicodedata.normalize("NFC", word) for word in row] for row in table.values()]
    assume(len(set(map(frozenset, forms))) == len(table))
    assume(len({unicodedata.normalize("NFC", label.strip()) for label in table}) == len(table))
    verbalizer = build_verbalizer(entries, "x")
    again = read(tmp_path_factory.getbasetemp(), format_verbalizer(verbalizer))
    assert (again.labels, again.words, again.lines) == (
        verbalizer.labels,
        verbalizer.words,
        verbalizer.lines,
    )


@given(st.text(st.sampled_from('01ab" \\#,\n\r\t，好') | st.characters()))
def test_arbitrary_text_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: str
) -> None:
    try:
        verbalizer = read(tmp_path_factory.getbasetemp(), content.encode("utf-8", "surrogatepass"))
    except PetMtlError as error:
        places = [problem.where for problem in error.problems]
    else:
        places = [verbalizer.where(index) for index in range(len(verbalizer.labels))]
        assert len(places) >= 2
    assert places
    assert all(places)


def test_many_words_are_counted_once() -> None:
    words = tuple(f"w{number}" for number in range(30_000))
    start = time.perf_counter()
    build_verbalizer([LabelEntry("0", words, 1), LabelEntry("1", ("a",), 2)], "x")
    assert time.perf_counter() - start < 5  # word by word against all others: half a minute


def test_json_dump_round_trip(tmp_path: Path) -> None:
    verbalizer = read(tmp_path, "0 a b\n1 c\n")
    assert Verbalizer.model_validate(json.loads(verbalizer.model_dump_json())) == verbalizer
