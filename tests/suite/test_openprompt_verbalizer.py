import json
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.verbalizer import Verbalizer, read_verbalizer

TEXT: dict[str, tuple[str, list[tuple[str, ...]]]] = {
    "one word a class": (
        "politics\nsports\nbusiness\n",
        [("politics",), ("sports",), ("business",)],
    ),
    "several words": (
        "bad,terrible\ngood, fine ,great\n",
        [("bad", "terrible"), ("good", "fine", "great")],
    ),
    "a word with a space behind a comma": (
        "bad,not good\ngood,one-hundred percent,ok\n",
        [("bad", "not good"), ("good", "one-hundred percent", "ok")],
    ),
    "only the first block": ("\na\nb\n\nc\nd\n", [("a",), ("b",)]),
    "a comment is no blank line": ("a\n# x\nb # y\n\nc\n", [("a",), ("b",)]),
    "empty words": ("a,,b,\nc\n", [("a", "b"), ("c",)]),
    "no-space mark": ("<!>a,b\n<!>c\n", [("a", "b"), ("c",)]),
    "carriage returns": ("a,b\r\nc\r\n", [("a", "b"), ("c",)]),
    "Chinese": ("故事,传说\n文化\n", [("故事", "传说"), ("文化",)]),
    "some numbers": ("0,zero\none\n", [("0", "zero"), ("one",)]),
}


def read(folder: Path, content: str, name: str) -> Verbalizer:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return read_verbalizer(path)


@pytest.mark.parametrize("suffix", ["txt", "csv"])
@pytest.mark.parametrize("name", TEXT)
def test_text_files_get_positions_as_labels(name: str, suffix: str, tmp_path: Path) -> None:
    content, expected = TEXT[name]
    verbalizer = read(tmp_path, content, f"v.{suffix}")
    assert verbalizer.labels == tuple(map(str, range(len(expected))))
    assert verbalizer.words == tuple(expected)


def test_text_lines(tmp_path: Path) -> None:
    assert read(tmp_path, "\n# x\na,b\nc\n", "v.txt").lines == (3, 4)


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("0：坏\n1：好\n", ['label "0：坏" has no label word', 'label "1：好" has no label word']),
        ("0，坏\n1，好\n", ['label "0，坏" has no label word', 'label "1，好" has no label word']),
        ("差评：坏\n好评：好\n", ['"差评：坏" has no label word', '"好评：好" has no label word']),
        ("好，棒\n坏\n", ["`，` stands in a list of words without labels"]),
    ],
)
def test_full_width_marks_make_no_words(content: str, problems: list[str], tmp_path: Path) -> None:
    with pytest.raises(PetMtlError) as caught:
        read(tmp_path, content, "v.txt")
    found = [str(problem.message) for problem in caught.value.problems]
    assert len(found) == len(problems)
    assert all(one in message for one, message in zip(problems, found, strict=True))


OBJECT = {"World": ["politics", "world"], "Sports": "sports"}
NAMED = (("World", "Sports"), (("politics", "world"), ("sports",)))
NUMBERED = (("0", "1"), (("bad", "terrible"), ("good",)))
JSON: dict[str, tuple[object, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]]] = {
    "object": (OBJECT, NAMED),
    "list of objects": ([OBJECT, {"World": "x", "Sports": "y"}], NAMED),
    "list of word lists": ([["bad", "terrible"], ["good"]], NUMBERED),
    "list of words": (["bad", "good"], (("0", "1"), (("bad",), ("good",)))),
    "word and word list": (["bad", ["good", "fine"]], (("0", "1"), (("bad",), ("good", "fine")))),
    "list of lists of word lists": ([[["bad", "terrible"], ["good"]], [["a"], ["b"]]], NUMBERED),
    "no-space mark": ({"0": ["<!>bad", " terrible "], "1": "good"}, NUMBERED),
}


@pytest.mark.parametrize("suffix", ["json", "jsonl", "JSON"])
@pytest.mark.parametrize("name", JSON)
def test_json_files(name: str, suffix: str, tmp_path: Path) -> None:
    tree, (labels, words) = JSON[name]
    for indent in (None, 2):
        verbalizer = read(tmp_path, json.dumps(tree, indent=indent), f"v.{suffix}")
        assert (verbalizer.labels, verbalizer.words) == (labels, words)


def test_json_lines(tmp_path: Path) -> None:
    content = '[{\n "a \\" b": ["x",\n  "y"],\n\n "\\u4e2d": "{\\"z"}\n, {"a": "p"}]'
    verbalizer = read(tmp_path, content, "v.json")
    assert verbalizer.labels == ('a " b', "中")
    assert verbalizer.lines == (2, 5)
    assert read(tmp_path, '[\n["x",\n"y"],\n\n["z"]]', "v.json").lines == (2, 5)


JSON_INVALID = {
    "no json": ('{"a": }', "v.json:1: not valid JSON"),
    "no json on line 2": ('{"a": "b",\n "c" "d"}', "v.json:2: not valid JSON"),
    "empty": ("", "v.json: the file is empty"),
    "number": ("3", "v.json:1: not a verbalizer"),
    "text": ('"a"', "v.json:1: not a verbalizer"),
    "list of numbers": ("[1, 2]", "v.json:1: not a verbalizer"),
    "empty list": ("[]", "v.json: no labels"),
    "empty object": ("{}", "v.json: no labels"),
    "one label": ('{"a": "b"}', "v.json:1: only one label"),
    "number as word": (
        '{"a": ["b", 3], "c": "d"}',
        'v.json:1: the words of label "a" are not text',
    ),
    "object as words": (
        '{"a": {"b": "c"}, "c": "d"}',
        'v.json:1: the words of label "a" are not text',
    ),
    "no words": ('{"a": [],\n "b": "c"}', 'v.json:1: label "a" has no label word'),
    "nothing": ('{"a": null, "b": "c"}', 'v.json:1: the words of label "a" are not text'),
    "duplicate label": (
        '{"a": "b",\n "c": "d",\n "a": "e"}',
        'v.json:3: label "a" stands on line 1 already',
    ),
    "half a surrogate pair": ('{"a": "\\ud800", "b": "c"}', "v.json:1: the label word"),
    "deep": ("[" * 100_000, "v.json: nested too deeply"),
    "endless number": ('{"a": ' + "1" * 5000 + "}", "v.json: a number in it is too long"),
    "list of objects and text": ('[{"a": "b"}, "c"]', "v.json:1: not a verbalizer"),
}


@pytest.mark.parametrize("name", JSON_INVALID)
def test_invalid_json_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, start = JSON_INVALID[name]
    monkeypatch.chdir(tmp_path)
    Path("v.json").write_text(content, encoding="utf-8")
    with pytest.raises(PetMtlError) as caught:
        read_verbalizer(Path("v.json"))
    assert str(caught.value).startswith(start)


def test_a_class_without_words(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match=r"v\.txt:2: label \"1\" has no label word"):
        read(tmp_path, "a,b\n,\nc\n", "v.txt")
