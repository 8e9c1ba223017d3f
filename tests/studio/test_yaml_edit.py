"""Values of YAML files changed in place: what is read back is what was wanted, the rest is as it
was."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pet_mtl.errors import PetMtlError
from pet_mtl.studio.yaml_edit import edit_yaml, value_at

KEY = ("tasks", "a", "patterns")
START = "tasks:\n  a:\n    "


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("patterns: x # c\n    b: 1\n", "y", 'patterns: "y" # c\n    b: 1\n'),
        ("patterns: 'x'\n", "y", 'patterns: "y"\n'),
        ("patterns: [x, z] # c\n", ["x", "y"], 'patterns: [x, "y"] # c\n'),
        (
            "patterns:\n      - x   # one\n      - z   # two\n    b: 1\n",
            ["x", "y"],
            'patterns:\n      - x   # one\n      - "y"   # two\n    b: 1\n',
        ),
        (
            "patterns:\n      - x\n      - z\n    # next\n    b: 1\n",
            ["y"],
            'patterns:\n      - "y"\n    # next\n    b: 1\n',
        ),
        (
            "patterns:\n    - x # one\n    # of z\n    - |-\n      z\n    b: 1\n",
            ["x", "z", "y", "w"],
            "patterns:\n    - x # one\n    # of z\n    - |-\n      z\n"
            '    - "y"\n    - "w"\n    b: 1\n',
        ),
        (
            "patterns:\n      - u # one\n      - x # two\n      # of z\n      - z # three\n    b: 1\n",
            ["x", "z"],
            "patterns:\n      - x # two\n      # of z\n      - z # three\n    b: 1\n",
        ),
        (
            "patterns:\n      - x # one\n      - z # two",
            ["v", "y", "z", "w"],
            'patterns:\n      - "v" # one\n      - "y"\n      - z # two\n      - "w"\n',
        ),
        ("patterns: |\n      x\n    b: 1\n", "y", 'patterns: "y"\n    b: 1\n'),
        ("# c\n    b: 1\n", "y", '# c\n    patterns: "y"\n    b: 1\n'),
        ("patterns: y # as it is\n", "y", "patterns: y # as it is\n"),
        ("patterns: y # as it is\n", ["y"], "patterns: y # as it is\n"),
    ],
)
def test_only_the_value_changes(before: str, value: str | list[str], after: str) -> None:
    assert edit_yaml(START + before, {KEY: value}, "f.yaml") == START + after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tasks:\n  a: {patterns: x}  # c\n", 'tasks:\n  a: {patterns: "y"}  # c\n'),
        (
            "tasks:\r\n  a:\r\n    patterns: x # c\r\n",
            'tasks:\r\n  a:\r\n    patterns: "y" # c\r\n',
        ),
        (
            "tasks:\r\n  a:\r\n    other: x # c\r\n",
            'tasks:\r\n  a:\r\n    patterns: "y"\r\n    other: x # c\r\n',
        ),
        ('"tasks":\n  "a":\n    "patterns": x\n', '"tasks":\n  "a":\n    "patterns": "y"\n'),
    ],
)
def test_other_forms(before: str, after: str) -> None:
    assert edit_yaml(before, {KEY: "y"}, "f.yaml") == after


@pytest.mark.parametrize(
    "text",
    [
        "tasks:\n  a: {}\n",
        "tasks:\n  b: {patterns: x}\n",
        "tasks: [1]\n",
        "tasks:\n  a:\n    patterns: &p x\n    other: *p\n",
        "a: [",
        "a: " + "[" * 20_000,
        'a: "\\U00110000"',
        "tasks: &x [*x]",
    ],
)
def test_what_cannot_be_changed_is_refused(text: str) -> None:
    with pytest.raises(PetMtlError):
        edit_yaml(text, {KEY: "y"}, "f.yaml")


@pytest.mark.parametrize("left", [["b"], ["a", "c"], ["c"], ["a"], ["b", "d"]])
def test_keys_that_are_missing_stand_in_their_order(left: list[str]) -> None:
    lines = "".join(f"    {name}: [{name}]  # {name}\n" for name in left)
    values = {("tasks", "a", name): [name] for name in "abcd"}
    for rest in ("", "  b:\n    other: x\n"):
        after = edit_yaml(f"tasks:\n  a:\n{lines}{rest}", values, "f.yaml")
        assert list(value_at(after, ("tasks", "a"))) == list("abcd")
        last = "    d: [d]  # d\n" if "d" in left else '    d: ["d"]\n'
        assert after.endswith(last + rest)


def test_an_anchor_that_would_go_is_told() -> None:
    text = "tasks:\n  a:\n    patterns: &p x\n    prefix: y\n    other: *p\n"
    values = {KEY: "z", ("tasks", "a", "prefix"): "w"}
    with pytest.raises(PetMtlError, match="too unusual to change it in place"):
        edit_yaml(text, values, "f.yaml")


@settings(max_examples=60)
@given(st.lists(st.sampled_from("xyz"), min_size=1), st.lists(st.sampled_from("xyzw"), min_size=1))
def test_any_items_are_read_back(old: list[str], new: list[str]) -> None:
    lines = "".join(f"      - {item} # {number}\n" for number, item in enumerate(old))
    after = edit_yaml(f"{START}patterns:\n{lines}    b: 1\n", {KEY: new}, "f.yaml")
    assert value_at(after, KEY) == new
    assert after.count("      - ") == len(new)
    assert after.endswith("    b: 1\n")
    more = edit_yaml(after, {KEY: ["z", *new, "w"]}, "f.yaml")
    assert more.count(" # ") == after.count(" # ")


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20), st.booleans())
@example("\x00\x85\u2028\ufeff\ufffe\uffff", False)
def test_any_text_is_read_back(text: str, flow: bool) -> None:
    before = "tasks:\n  a: {patterns: x, b: 1}\n" if flow else START + "patterns: x\n    b: 1\n"
    after = edit_yaml(before, {KEY: text}, "f.yaml")
    assert value_at(after, KEY) == text
    assert value_at(after, ("tasks", "a", "b")) == "1"
    both = edit_yaml(before, {KEY: [text, "z"]}, "f.yaml")
    assert value_at(both, KEY) == [text, "z"]
