"""OpenPrompt's templates: read as OpenPrompt reads them, without running anything, and written
back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.openprompt_template import (
    is_template,
    parse_template,
    pattern_from_template,
    template_from_pattern,
)
from pet_mtl.suite.pattern import parse_pattern

VALID = {
    '{"placeholder":"text_a"} It was {"mask"}': "{text_a} It was {mask}",
    "{'placeholder': 'text_a'}{'mask'}。": "{text_a}{mask}。",
    'A {"mask"} news : {"placeholder": "text_a"} {"placeholder": "text_b"}': (
        "A {mask} news : {text_a} {text_b}"
    ),
    (
        '{"placeholder":"text_a", "shortenable": True}? {"mask"}, {"meta":"ask",}'
    ): "{text_a}? {mask}, {ask}",
    (
        '   two   spaces {"mask"}   {"meta": "x", "shortenable": False}   '
    ): " two   spaces {mask} {x}",
    '{"text": "  kept  "}{"mask"}{"meta": "x"}': "  kept  {mask}{x}",
    (
        '{"text": "a{b\\u007d\\n\\"\\\\"} } {"mask": None} {"meta": "x"}'
    ): 'a{{b}}\n"\\ }} {mask} {x}',
    ('{ \'mask\' }{"text": \'it\\\'s\', "add_prefix_space": \' \'}{"meta": "x"}'): "{mask} it's{x}",
    '{"meta": "标题"}{"mask"}': "{标题}{mask}",
}
INVALID = {
    '{"placeholder": "text_a"} {"soft"} {"mask"}': "`soft`",
    '{"soft": "It was"} {"mask"}': "`soft`",
    '{"soft_id": 1} {"mask"}': "cannot be read",
    '{"special": "<eos>"} {"mask"}': "`special`",
    '{"placeholder": "text_a", "post_processing": "x"} {"mask"}': "`post_processing`",
    '{"placeholder": "text_a", "post_processing": lambda s: s} {"mask"}': "cannot be read",
    '{"placeholder": "text_c"} {"mask"}': "no placeholder `text_c`",
    '{"placeholder"} {"mask"}': "no placeholder `None`",
    '{"meta": "mask"} {"mask"}': "`mask` cannot be a field",
    '{"meta": "two words"} {"mask"}': "`two words` cannot be a field",
    '{"mask": __import__("os").system("false")}': "cannot be read",
    '{"mask", *exec("1")}': "cannot be read",
    '{"mask" "text"}': "cannot be read",
    '{"mask", "text": "a"}': "2 of",
    '{"shortenable": True}': "none of",
    '{"text": "a", "shortenable": "yes"}{"mask"}': "a wrong value",
    '{"text": True}{"mask"}': "no text",
    '{"mask", "unknown": "a"}': "unknown key `unknown`",
    '{"text": "\\x41"}{"mask"}': "cannot be read",
    '{"text": "\\ud800"}{"mask"}': "cannot be read",
    "{}": "none of",
    '{"mask"': "never closed",
    '{"placeholder": "text_a"}': "no `{mask}`",
    '{"placeholder": "text_a"}{"mask"}{"mask"}': "2 times",
}


@pytest.mark.parametrize(("template", "pattern"), VALID.items())
def test_read(template: str, pattern: str) -> None:
    assert is_template(template)
    assert pattern_from_template(template) == pattern


@pytest.mark.parametrize(("template", "message"), INVALID.items())
def test_refused(template: str, message: str) -> None:
    with pytest.raises(PetMtlError, match=message) as caught:
        pattern_from_template(template)
    assert all(problem.hint for problem in caught.value.problems)


def test_a_long_template_is_read_once() -> None:
    class Counted(str):
        copied = 0

        def __getitem__(self, key: Any) -> str:
            part = super().__getitem__(key)
            Counted.copied += len(part)
            return part

    text = Counted('{"mask"} is ' * 500)
    assert len(parse_template(text)) == 1000
    assert Counted.copied <= len(text)


def test_all_problems_at_once() -> None:
    with pytest.raises(PetMtlError) as caught:
        parse_template('{"soft"} {"special": "x"} {"mask": 1}')
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    "pattern", ["{title}{mask}", '说{{"好"}}{mask}{x}', "{mask}'{x}'", '{{{mask}}}"{x}', "no brace"]
)
def test_our_patterns_are_no_templates(pattern: str) -> None:
    assert not is_template(pattern)


@pytest.mark.parametrize(
    ("pattern", "prefix", "template"),
    [
        ("{text_a} It was {mask}", "", '{"placeholder": "text_a"} It was {"mask"}'),
        ("{mask}{title}", "", '{"mask"}{"meta": "title", "shortenable": True}'),
        ("这是{mask}{text_b}", "类：", '类：{"text": "这是"}{"mask"}{"placeholder": "text_b"}'),
        ("it {mask} {text_a}", "P: ", ('P: {"text": "it"} {"mask"} {"placeholder": "text_a"}')),
        ("{{a}} {mask}{text_a}", "", ('{"text": "{a\\u007d"} {"mask"}{"placeholder": "text_a"}')),
        ("a}}{mask}{text_a} ", "", 'a}{"mask"}{"placeholder": "text_a"}'),
        (
            "a}}{mask}  {text_a}  ",
            "",
            'a}{"mask"}{"text": " "} {"placeholder": "text_a"}{"text": " "}',
        ),
    ],
)
def test_write(pattern: str, prefix: str, template: str) -> None:
    assert template_from_pattern(pattern, prefix) == template


BRACES = str.maketrans({"{": "{{", "}": "}}"})
literals = st.text(st.sampled_from("ab 好{}\\\"'\n\t:,"), max_size=6).map(
    lambda text: text.translate(BRACES)
)
places = st.permutations(["{mask}", "{x}", "{text_a}", "{text_b}"])
patterns = st.tuples(places, st.lists(literals, min_size=5, max_size=5)).map(
    lambda drawn: drawn[1][0] + "".join(map(str.__add__, drawn[0], drawn[1][1:]))
)


@given(patterns)
def test_written_and_read_back(pattern: str) -> None:
    """The same pattern but for spaces at its end, of which neither reads any."""
    back = pattern_from_template(template_from_pattern(pattern))
    assert parse_pattern(back.rstrip(" ")) == parse_pattern(pattern.rstrip(" "))


@pytest.fixture(scope="module")
def openprompt_template() -> Any:
    """A template of OpenPrompt's own, where it is installed."""
    from pet_mtl.compat.openprompt_import import INSTALL, import_openprompt, missing_packages

    if missing_packages():
        pytest.skip(INSTALL)
    return import_openprompt().Template(tokenizer=None)


@given(patterns)
def test_openprompt_reads_the_same_parts(openprompt_template: Any, pattern: str) -> None:
    """Our parser against OpenPrompt's own, on templates that we wrote."""
    template = template_from_pattern(pattern, "P: ")
    assert parse_template(template) == openprompt_template.parse_text(template)


def test_openprompt_reads_valid_templates_the_same(openprompt_template: Any) -> None:
    for template in VALID:
        assert parse_template(template) == openprompt_template.parse_text(template)
