import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.errors import PetMtlError, Problem
from pet_mtl.suite import yaml_nodes
from pet_mtl.suite.yaml_file import Document, parse_value, read_yaml

Read = Callable[[str | bytes], Document]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.chdir(tmp_path)

    def read_text(content: str | bytes) -> Document:
        Path("x.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_yaml(Path("x.yaml"))

    return read_text


SCALARS = [
    ("3e-5", 3e-5),
    ("1.5", 1.5),
    ("3", 3),
    ("-3", -3),
    ("012", 12),
    ("0x1F", 31),
    ("0o17", 15),
    (".inf", math.inf),
    ("true", True),
    ("False", False),
    ("yes", "yes"),
    ("on", "on"),
    ("no", "no"),
    ("null", None),
    ("~", None),
    ("", None),
    ("2020-01-01", "2020-01-01"),
    ("1:30", "1:30"),
    ('"3"', "3"),
    ("!!str 3", "3"),
    ("新闻：", "新闻："),
    (r'"\ud83d\ude00"', "😀"),  # as JSON writes it
    ("sample:tnews/train", "sample:tnews/train"),
    ("9" * 5000, "9" * 5000),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_are_yaml_1_2(text: str, value: object, read: Read) -> None:
    got = read(f"a: {text}\n").tree["a"]
    assert got == value
    assert type(got) is type(value)


def test_keys_keep_their_text(read: Read) -> None:
    assert list(read("100: a\n010: b\nyes: c\nnull: d\n1.50: e\n").tree) == [
        "100",
        "010",
        "yes",
        "null",
        "1.50",
    ]


def test_every_key_and_item_has_its_line(read: Read) -> None:
    document = read("# c\na:\n  b: [1,\n    2]\n  c:\n    - x\n    - {d: 1}\n")
    assert document.lines == {
        (): 1,
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "b", 0): 3,
        ("a", "b", 1): 4,
        ("a", "c"): 5,
        ("a", "c", 0): 6,
        ("a", "c", 1): 7,
        ("a", "c", 1, "d"): 7,
    }
    assert document.where(("a", "b", 1)) == "x.yaml:4"
    assert document.where(("a", "b", 7)) == "x.yaml:3"
    assert document.where(("z", "y")) == "x.yaml:1"


def test_aliases_are_copies(read: Read) -> None:
    tree = read("a: &x [1]\nb: *x\n").tree
    tree["a"].append(2)
    assert tree["b"] == [1]


ERRORS: dict[str, tuple[str | bytes, str, str | None]] = {
    "empty": ("", "x.yaml: the file is empty", None),
    "comment": ("# a\n", "x.yaml: the file is empty", None),
    "document mark": ("---\n", "x.yaml: the file is empty", None),
    "duplicate": (
        "a: 1\nb: 2\na: 3\n",
        ("x.yaml:3: duplicate key `a`, first on line 1"),
        "keep one",
    ),
    "nested duplicate": (
        "t:\n  a: 1\n  a: 2\n",
        "x.yaml:3: duplicate key `a`, first on line 2",
        "keep one",
    ),
    "tab indentation": (
        "a:\n\tb: 1\n",
        "x.yaml:2: a tab is used as indentation",
        "indent with spaces",
    ),
    "tab in a list": (
        "a:\n  - 1\n\t- 2\n",
        "x.yaml:3: a tab is used as indentation",
        "indent with spaces",
    ),
    "tab behind a colon": ("a:\tb\n", "x.yaml:1: a tab is used as white space", "spaces"),
    "unclosed list": ("a: 1\nb: [x\n", "x.yaml:3: not valid YAML", "never closed"),
    "unclosed quote": ("a: 'x\n", "x.yaml:2: not valid YAML", "never closed"),
    "two colons": ("a: b: c\n", "x.yaml:1: not valid YAML", "in quotes"),
    "indentation": ("a: 1\n b: 2\n", "x.yaml:2: not valid YAML", "indentation"),
    "bare pattern": ("a:\n- {mask}：好\n", "x.yaml:2: not valid YAML", "quotes"),
    "reserved": ("a: @x\n", "x.yaml:1: not valid YAML", "double quotes"),
    "unknown alias": ("a: *x\n", "x.yaml:1: not valid YAML", "double quotes"),
    "two documents": ("a: 1\n---\nb: 2\n", "x.yaml:2: not valid YAML", "one document"),
    "full-width colon": (
        "version: 1\nmodel：zh\ntasks:\n  a: 1\n",
        "x.yaml:2: no `:` behind the key",
        "ASCII colon",
    ),
    "full-width colon before a flow mapping": (
        "a:\n  b: 1\n  c：{d: 1, e: 2}\n",
        "x.yaml:3: no `:` behind the key",
        "ASCII colon",
    ),
    "endless full-width colons": (
        "a: [\nA" + "：" * 100_000 + "#\n",
        "x.yaml:3: not valid YAML",
        "never closed",
    ),
    "full-width comma": ("a: {b: 1，c: 2}\n", "x.yaml:1: not valid YAML", "not the full-width"),
    "full-width brace": ("a: ｛b: 1｝\n", "x.yaml:1: not valid YAML", "not the full-width"),
    "full-width comma in a text": ("a: 好，b: 1\n", "x.yaml:1: not valid YAML", "in quotes"),
    "full-width spaces": (
        "a:\n  b: 1\n\u3000\u3000c: 2\n  d: 3\n",
        "x.yaml:3: white space other than spaces is used as indentation",
        "indent with spaces",
    ),
    "line break": ("a: 1 #\u2028c\nb: 2\n", "x.yaml:1: the invisible character U+2028", "it"),
    "control character": (
        "a: 1\nb: \x07\n",
        "x.yaml:2: the character U+0007 is not allowed",
        "delete",
    ),
    "python tag": (
        "a: !!python/name:os.system x\n",
        "x.yaml:1: tag `!!python/name:os.system` is not",
        "plain data",
    ),
    "python object": (
        "a: !!python/object/apply:os.system ['true']\n",
        "x.yaml:1: tag `!!python/obj",
        "plain data",
    ),
    "own tag": ("a: !x {b: 1}\n", "x.yaml:1: tag `!x` is not allowed", "plain data"),
    "set tag": ("a: !!set {b, c}\n", "x.yaml:1: tag `!!set` is not allowed", "plain data"),
    "binary tag": ("a: !!binary aGk=\n", ("x.yaml:1: tag `!!binary` is not allowed"), "plain data"),
    "self reference": ("a: &x [*x]\n", "x.yaml:1: an alias refers to itself", None),
    "merge key": (("a: &x {b: 1}\nc:\n  <<: *x\n"), "x.yaml:3: merge keys", "write the keys out"),
    "list as key": ("? [1]\n: 2\n", "x.yaml:1: a key must be text", "quotes"),
    "deep": ("a: 1\nb: " + "[" * 600, "x.yaml:2: nested too deeply", "in quotes"),
    "closed and deep": (
        "a: 1\nb: " + "[" * 60 + "]" * 60,
        "x.yaml:2: nested too deeply",
        "in quotes",
    ),
    "deep by indentation": (
        "".join(" " * level + "a:\n" for level in range(400)),
        "x.yaml:51: nested too deeply",
        "in quotes",
    ),
    "deep by aliases": (
        "l0: &l0 [x]\n" + "".join(f"l{n}: &l{n} [*l{n - 1}]\n" for n in range(1, 500)),
        "x.yaml:50: nested too deeply",
        "in quotes",
    ),
    "bracket after bracket": (
        "a: 1\nb: " + "[" * 20_000,
        "x.yaml:2: nested too deeply",
        "in quotes",
    ),
    "brace after bracket": ("[{a: " * 20_000, "x.yaml:1: nested too deeply", "in quotes"),
    "escape beyond Unicode": (
        'a: "\\U00110000"\n',
        "x.yaml:1: not valid YAML: the escape `\\U00110000` is no character",
        "single quotes",
    ),
    "largest escape": (
        'a: 1\nb: "x\n  \\UFFFFFFFF"\n',
        "x.yaml:3: not valid YAML: the escape `\\UFFFFFFFF` is no character",
        "single quotes",
    ),
    "half a surrogate pair": (
        'a: "\\ud83d"\n',
        "x.yaml:1: not valid YAML: the escape `\\ud83d` is no character",
        "the character itself",
    ),
    "endless version": (f"%YAML 1.{'9' * 5000}\n--- a\n", "x.yaml:1: not valid YAML", "line"),
    "version": ("%YAML 1.3\n---\na: 1\n", "x.yaml:1: not valid YAML: `%YAML`", "delete the line"),
    "gbk": ("a: 1\nb: 中".encode("gbk"), "x.yaml:2: not UTF-8: byte 8 is 0xd6", "GBK"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_line_and_remedy(name: str, read: Read) -> None:
    content, start, hint = ERRORS[name]
    with pytest.raises(PetMtlError) as caught:
        read(content)
    (problem,) = caught.value.problems
    assert str(problem).startswith(start)
    assert problem.hint is None if hint is None else hint in str(problem.hint)


def test_all_problems_come_at_once(read: Read) -> None:
    with pytest.raises(PetMtlError) as caught:
        read("a: 1\na: 2\nb: !!set {c}\nd: {e: 1, e: 2}\n")
    assert [problem.where for problem in caught.value.problems] == [
        "x.yaml:2",
        "x.yaml:3",
        "x.yaml:4",
    ]


def test_a_bomb_of_aliases_is_refused(read: Read) -> None:
    levels = [f"&l{level} [{', '.join([f'*l{level - 1}'] * 10)}]" for level in range(1, 9)]
    content = "".join(f"l{level}: {text}\n" for level, text in enumerate(["&l0 [x]", *levels]))
    with pytest.raises(PetMtlError, match=r"x\.yaml:6: too large") as caught:
        read(content)
    assert "without aliases" in str(caught.value)
    value = f"[&l0 [x], {', '.join(levels)}]"
    assert parse_value(value) == value


def test_a_file_of_too_many_values_is_not_read_to_its_end(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_nodes, "MAX_NODES", 100)
    keys = "".join(f"k{number}: v\n" for number in range(100))
    assert len(read(keys).tree) == 100
    with pytest.raises(
        PetMtlError, match=r"x\.yaml:101: too large\n  hint: is this the right file"
    ):
        read(f"{keys}k: v\nno: yaml: here\n")
    with pytest.raises(PetMtlError, match=r"x\.yaml:2: too large"):
        read(f"a:\n- [{'1, ' * 200}]\n")


def test_a_file_that_says_it_is_yaml_1_1_has_its_words_for_true_and_false(read: Read) -> None:
    tree = read("%YAML 1.1\n---\na: [yes, On, true, no, off, false]\n").tree
    assert tree == {"a": [True, True, True, False, False, False]}


def test_an_anchor_may_stand_twice(read: Read) -> None:
    assert read("a: &x 1\nb: &x 2\nc: *x\n").tree == {"a": 1, "b": 2, "c": 2}


def test_brackets_that_open_nothing_are_not_counted(read: Read) -> None:
    brackets = "[{" * 200
    text = f"a: '{brackets}'\nb: \"{brackets}\"\nc: x{brackets}  # {brackets}\nd: |\n  {brackets}\n"
    assert {*read(text).tree.values()} == {brackets, f"x{brackets}", f"{brackets}\n"}


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="file not found"):
        read_yaml(tmp_path / "x.yaml")


def test_order_puts_the_file_first() -> None:
    document = Document("x.yaml", {})
    problems = [
        Problem("a", "-s b=1"),
        Problem("b", "x.yaml:10"),
        Problem("c", "x.yaml:9"),
        Problem("d"),
    ]
    assert [problem.message for problem in sorted(problems, key=document.order)] == [
        "c",
        "b",
        "a",
        "d",
    ]


def _nested(levels: int) -> list[object]:
    return [_nested(levels - 1)] if levels > 1 else []


VALUES = [
    ("5", 5),
    ("3e-5", 3e-5),
    ("yes", "yes"),
    ("null", None),
    ("", ""),
    ("true", True),
    ('"5"', "5"),
    ("'a: b'", "a: b"),
    ("[a, 2]", ["a", 2]),
    ("[]", []),
    ("{split: 0.1}", {"split": 0.1}),
    ("{mask}", "{mask}"),
    ("{mask}新闻：{title}", "{mask}新闻：{title}"),
    ("[{mask}]{title}", "[{mask}]{title}"),
    ("Topic: ", "Topic: "),
    ("a: b", "a: b"),
    ("- a", "- a"),
    ("a #b", "a #b"),
    (" a ", " a "),
    ("[a", "[a"),
    ('"a', '"a'),
    ("@x", "@x"),
    ("!!python/name:os.system x", "!!python/name:os.system x"),
    ("!!set {a: 1}", "!!set {a: 1}"),
    ("sample:tnews/train", "sample:tnews/train"),
    ("C:\\data", "C:\\data"),
    ("a\tb", "a\tb"),
    ("# x", "# x"),
    ("---", "---"),
    ("--- 5", "--- 5"),
    ("5 # x", "5 # x"),
    (" 5 ", 5),
    ("&a 5", "&a 5"),
    ("~", None),
    (" ", " "),
    ('"\\U00110000"', '"\\U00110000"'),
    ('a: "\\UFFFFFFFF"', 'a: "\\UFFFFFFFF"'),
    ('"\\ud83d"', '"\\ud83d"'),
    ('"\\U0001f600"', "\U0001f600"),
    ("[" * 50 + "]" * 50, _nested(50)),
    ("[" * 20_000, "[" * 20_000),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_values_of_the_command_line(text: str, value: object) -> None:
    got = parse_value(text)
    assert got == value
    assert type(got) is type(value)


@given(st.text(st.sampled_from("{}[]:,-#&*!|>'\"%@` ab1\n\t") | st.characters()))
def test_any_value_is_read(text: str) -> None:
    parse_value(text)


@pytest.mark.parametrize("number", ["0x" + "f" * 4000, "0b" + "1" * 20_000, "9" * 1001])
def test_endless_numbers_are_texts(number: str, read: Read) -> None:
    assert read(f"a: {number}\n").tree == {"a": number}
