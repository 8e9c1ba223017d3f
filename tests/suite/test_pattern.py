import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.pattern import Field, Literal, Mask, Part, Soft, parse_pattern, without_soft

VALID = [
    ("{mask}", (Mask(),)),
    ("{mask}{title}", (Mask(), Field("title"))),
    (
        "这是一条{mask}新闻：{title}",
        (Literal("这是一条"), Mask(), Literal("新闻："), Field("title")),
    ),
    ("{a}？{mask}，{b}", (Field("a"), Literal("？"), Mask(), Literal("，"), Field("b"))),
    ("{{{mask}}}", (Literal("{"), Mask(), Literal("}"))),
    ("{{mask}} {mask} }}{{", (Literal("{mask} "), Mask(), Literal(" }{"))),
    ("a{{b{mask}", (Literal("a{b"), Mask())),
    ("{标题}{mask}", (Field("标题"), Mask())),
    ("[MASK] [SEP]{mask}", (Literal("[MASK] [SEP]"), Mask())),
    ("{mask}\n{text_a}", (Mask(), Literal("\n"), Field("text_a"))),
    ("{mask}{t}{t}", (Mask(), Field("t"), Field("t"))),
    ("{soft:8}{mask}", (Soft(8), Mask())),
    ("{soft:1}a{soft:100}{soft:2}{mask}", (Soft(1), Literal("a"), Soft(100), Soft(2), Mask())),
    ("{{soft:8}}{soft}{mask}", (Literal("{soft:8}"), Field("soft"), Mask())),
]
INVALID = [
    ("", "no `{mask}`", "where the label word goes"),
    ("{title}", "no `{mask}`", "where the label word goes"),
    ("这是｛mask｝：{title}", "no `{mask}`", "full-width"),
    ("这是{{mask}}：{{title}}", "no `{mask}`", "write `{mask}`: `{{` and `}}` are braces"),
    ("{ｍａｓｋ}：{title}", "no `{mask}`", "ASCII letters"),
    ("{mask}{mask}", "2 times `{mask}`", "as many masks as the label word needs"),
    ("{mask}{a}{mask}{mask}", "3 times `{mask}`", "once"),
    ("{}{mask}", "empty `{}`", "{title}"),
    ("{ }{mask}", "empty `{ }`", "{title}"),
    ("{mask", "`{` at character 1 is never closed", "{{"),
    ("{mask}{title", "`{` at character 7 is never closed", "{{"),
    ("{mask}{a{b}}", "`{` at character 7 is never closed", "{{"),
    ("{mask}}", "`}` at character 7 closes nothing", "}}"),
    ("a}{mask}", "`}` at character 2 closes nothing", "}}"),
    ("{mask}{ title }", "`{ title }` is not a field name", "`{title}` without white space"),
    ("{mask}{1a}", "`{1a}` is not a field name", "letters"),
    ("{mask}{a.b}", "`{a.b}` is not a field name", "letters"),
    ("{mask}{a!r}", "`{a!r}` is not a field name", "letters"),
    ("{mask}{a:>3}", "`{a:>3}` is not a field name", "letters"),
    ("{mask}{soft:0}", "`{soft:0}` says no number of learned pieces", "`{soft:8}`"),
    ("{mask}{soft:101}", "`{soft:101}` says no number of learned pieces", "1 to 100"),
    ("{mask}{soft:}", "`{soft:}` says no number", "`{soft:8}`"),
    ("{mask}{soft:-1}", "`{soft:-1}` says no number", "`{soft:8}`"),
    ("{mask}{soft: 8}", "`{soft: 8}` says no number", "`{soft:8}`"),
    ("{mask}{soft:８}", "`{soft:８}` says no number", "`{soft:8}`"),
    ("{mask}{soft:many}", "`{soft:many}` says no number", "`{soft:8}`"),
    ("{soft:8}{title}", "no `{mask}`", "where the label word goes"),
    ("{mask}{__import__('os')}", "is not a field name", "letters"),
]


@pytest.mark.parametrize(("source", "parts"), VALID)
def test_valid_patterns_give_their_parts(source: str, parts: tuple[Part, ...]) -> None:
    pattern = parse_pattern(source)
    assert pattern.source == source
    assert pattern.parts == parts


@pytest.mark.parametrize(("source", "message", "hint"), INVALID)
def test_invalid_patterns_say_what_to_do(source: str, message: str, hint: str) -> None:
    with pytest.raises(PetMtlError) as caught:
        parse_pattern(source)
    assert len(caught.value.problems) == 1
    assert message in caught.value.problems[0].message
    assert hint in str(caught.value.problems[0].hint)


def test_all_problems_of_a_pattern_come_at_once() -> None:
    with pytest.raises(PetMtlError) as caught:
        parse_pattern("{}{a b}}{mask")
    assert len(caught.value.problems) == 4


def test_fields_are_distinct_and_in_order() -> None:
    assert parse_pattern("{b}{mask}{a}{b}").fields == ("b", "a")


def test_learned_pieces_are_counted_and_taken_out() -> None:
    source = "{soft:3}a {{b}}{soft:2}{mask}{t}"
    assert parse_pattern(source).soft_pieces == 5
    assert without_soft(source) == "a {{b}}{mask}{t}"
    assert without_soft("{mask}：{t}") == "{mask}：{t}"


def rebuild(parts: tuple[Part, ...]) -> str:
    def text(part: Part) -> str:
        match part:
            case Literal(text):
                return text.replace("{", "{{").replace("}", "}}")
            case Field(name):
                return f"{{{name}}}"
            case Mask():
                return "{mask}"
            case Soft(count):
                return f"{{soft:{count}}}"

    return "".join(map(text, parts))


@given(st.text())
def test_arbitrary_text_parses_or_is_refused(source: str) -> None:
    try:
        pattern = parse_pattern(source)
    except PetMtlError:
        return
    assert rebuild(pattern.parts) == source


PIECES = st.sampled_from(
    [
        "{mask}",
        "{",
        "}",
        "{{",
        "}}",
        "{title}",
        "{文本}",
        "好",
        " ",
        "a",
        "[MASK]",
        "\n",
        "{soft:3}",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_parts_reproduce_the_source(source: str) -> None:
    try:
        parts = parse_pattern(source).parts
    except PetMtlError:
        return
    assert rebuild(parts) == source
    assert parts.count(Mask()) == 1
    neighbours = itertools.pairwise(parts)
    assert not any(
        isinstance(left, Literal) and isinstance(right, Literal) for left, right in neighbours
    )
    assert Literal("") not in parts


def test_a_pattern_of_nothing_but_braces_is_told_in_bounded_memory() -> None:
    with pytest.raises(PetMtlError) as caught:
        parse_pattern("}a" * 20_000)
    assert len(caught.value.problems) == 100
    assert sum(len(problem.message) for problem in caught.value.problems) < 100_000
