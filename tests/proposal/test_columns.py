"""Which column is what."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.columns import Roles, choose_columns
from pet_mtl.proposal.raw_table import RawTable

TEXTS = [
    "a film that is good",
    "the worst of all films",
    "nothing to say of it",
    "it was long",
    "short",
    "a good book",
]
OTHER = [
    "the film is good",
    "a film is bad",
    "one says nothing",
    "it took hours",
    "brief one",
    "a book is good",
]
LABELS = ["1", "0", "0", "1", "0", "1"]
WORDS = ["pos", "neg", "neg", "pos", "neg", "pos"]
COUNT = list("123456")
CODES = [f"GD{number}" for number in range(2600, 2606)]
DATES = [f"2026-01-0{number}" for number in range(1, 7)]
ADDRESSES = [f"https://example.org/{number}" for number in range(6)]


def table(columns: dict[str, list[str]], positions: bool = False) -> RawTable:
    names: list[str | int] = [*range(len(columns))] if positions else [*columns]
    return RawTable(Path("t.csv"), "a test", names, list(columns.values()))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"a": TEXTS, "b": LABELS}, Roles(1, (0,))),
        ({"b": WORDS, "a": TEXTS}, Roles(0, (1,))),
        ({"n": COUNT, "a": TEXTS, "b": LABELS}, Roles(2, (1,), 0)),
        ({"uid": DATES, "a": TEXTS, "b": LABELS}, Roles(2, (1,), 0)),
        ({"n": COUNT, "uid": DATES, "a": TEXTS, "b": LABELS}, Roles(3, (2,), 1)),
        ({"premise": TEXTS, "hypothesis": OTHER, "b": LABELS}, Roles(2, (0, 1))),
        ({"a": TEXTS, "b": OTHER, "c": WORDS}, Roles(2, (0, 1))),
        ({"text": TEXTS, "note": OTHER, "c": WORDS}, Roles(2, (0,))),
        ({"a": TEXTS, "date": DATES, "url": ADDRESSES, "c": WORDS}, Roles(3, (0,))),
        ({"label": LABELS, "label_desc": WORDS, "sentence": TEXTS}, Roles(0, (2,), None, 1)),
        ({"a": TEXTS, "split": ["x", "y"] * 3, "label": ["p", "q", "r"] * 2}, Roles(2, (0,))),
        ({"text": ["好", "坏", "行", "差", "妙", "糟"], "标签": WORDS}, Roles(1, (0,))),
        ({"stars": COUNT, "review": TEXTS}, Roles(0, (1,))),
        # leaves of a tree, the same ones in two branches, are no sets
        ({"a": TEXTS, "label": ["x/p", "x/q", "y/p", "y/q", "x/p", "y/q"]}, Roles(1, (0,))),
        # scores of pairs, rather than what has fewer values
        (
            {"one": TEXTS, "two": OTHER, "genre": WORDS, "score": [f"{n}.5" for n in range(6)]},
            Roles(3, (0, 1), ends=(0, 10)),
        ),
        ({"one": TEXTS, "genre": WORDS, "score": [f"{n}.5" for n in range(6)]}, Roles(1, (0,))),
        (
            {"渠道": ["电", "网"] * 3, "原话？": TEXTS, "最终分类(勿改)": list("甲乙丙") * 2},
            Roles(2, (1,)),
        ),
        ({"工单 编号": CODES, "原话": TEXTS, "类型": WORDS}, Roles(2, (1,), 0)),
        ({"kind": ["p", "q"] * 3, "a": TEXTS, "News Category": list("xyz") * 2}, Roles(2, (1,))),
        (
            {"id": DATES, "userText": OTHER, "longest": [t * 2 for t in TEXTS], "b": WORDS},
            Roles(3, (1,), 0),
        ),
        # columns of one value or none, whatever they are called, beside one of labels
        ({"tags": ["p"] * 6, "label": [""] * 6, "a": TEXTS, "y": WORDS}, Roles(3, (2,))),
    ],
)
def test_choices(columns: dict[str, list[str]], expected: Roles) -> None:
    assert choose_columns(table(columns)) == expected


@pytest.mark.parametrize("name", ["(" * 100_000, "a" * 100_000 + "类1", "Aa" * 50_000 + "【"])
def test_endless_names_are_looked_at_once(name: str) -> None:
    labels = ["p", "q"] * 3
    assert choose_columns(table({name: TEXTS, "category": labels})).label == 1


def test_lists_whose_values_come_again_are_labels() -> None:
    lists = ['["屏幕", "物流"]', '["物流"]', '["屏幕"]', "[]", '["物流"]', '["屏幕"]']
    found = table({"text": TEXTS})
    found.lists = {"topics": lists}
    roles = choose_columns(found)
    assert (found.names[roles.label], roles.separator) == ("topics", "")
    named = table({"text": TEXTS, "kind": ["p", "q"] * 3})
    named.lists = {"topics": lists}
    assert choose_columns(named).label == 1  # another column can be the label
    empty = table({"text": TEXTS, "category": [""] * 6})
    empty.lists = {"labels": lists}
    assert choose_columns(empty).separator == ""
    several = table({"text": TEXTS})
    several.lists = {"topics": lists, "parts": lists}
    with pytest.raises(PetMtlError, match="no label column found"):
        choose_columns(several)


def test_columns_that_could_be_the_label_too() -> None:
    channel = ["mail", "web", "shop"] * 2
    assert choose_columns(table({"a": TEXTS, "b": WORDS, "c": channel})).others == (2,)
    assert choose_columns(table({"a": TEXTS, "topic": WORDS, "c": channel})).others == ()
    assert choose_columns(table({"a": TEXTS, "b": WORDS, "c": channel}), "c").others == ()
    assert choose_columns(table({"a": TEXTS, "topic": WORDS, "tag": ["x"] * 6})).others == ()


def test_named_columns() -> None:
    columns = {"a": TEXTS, "b": OTHER, "c": WORDS, "d": LABELS}
    assert choose_columns(table(columns), "d", ["b"]) == Roles(3, (1,), None, 2)
    assert choose_columns(table(columns, positions=True), "2", ["1", "0"]).texts == (1, 0)


@pytest.mark.parametrize(
    "label",
    [
        "می\u200cخواهم",
        "👨\u200d👩\u200d👧",
        "❤\ufe0f\u200d🔥",
        "very\u00a0bad",
        "非常\u3000差",
        "\U0001fa77",
    ],
)
def test_labels_that_a_verbalizer_may_have(label: str) -> None:
    assert choose_columns(table({"a": TEXTS, "b": [label, "z"] * 3})) == Roles(1, (0,))


@pytest.mark.parametrize(
    ("columns", "label", "texts", "message"),
    [
        ({"a": TEXTS, "b": OTHER}, None, [], "no label column found"),
        ({"a": TEXTS, "label": ["1"] * 6}, None, [], ('column `label` has one label only: "1"')),
        ({"a": TEXTS, "b": [""] * 6}, "b", [], "column `b` has one label only"),
        ({"a": TEXTS, "b": LABELS}, "x", [], "no column `x`"),
        ({"a": TEXTS, "b": LABELS}, None, ["x"], "no column `x`"),
        ({"a": TEXTS, "b": LABELS}, "b", ["b"], "cannot be label and text"),
        ({"a": TEXTS, "b": LABELS}, "b", ["a", "a"], "--text: column `a` is named twice"),
        ({"a": COUNT, "b": LABELS}, None, [], "no text column found"),
        ({"a": TEXTS, "b": ["x\ny", "z"] * 3}, None, [], r"invisible character U\+000A"),
        ({"a": TEXTS, "b": ["x\u200by", "z"] * 3}, None, [], r"invisible character U\+200B"),
        (
            {"a": TEXTS, "b": ["caf\u00e9", "cafe\u0301"] * 3},
            None,
            [],
            r'column `b` look alike: "cafe\\u0301" and "caf\\u00e9"\n  hint: .* such as NFC',
        ),
        ({"a": TEXTS, "b": ["x\u200dy", "z"] * 3}, None, [], r"invisible character U\+200D"),
    ],
)
def test_errors(
    columns: dict[str, list[str]], label: str | None, texts: Sequence[str], message: str
) -> None:
    with pytest.raises(PetMtlError, match=message):
        choose_columns(table(columns), label, texts)


def test_too_many_labels() -> None:
    many = [str(number) for number in range(300)]
    with pytest.raises(PetMtlError, match="300 different values"):
        choose_columns(table({"text": [f"text {n}" for n in many], "label": many}), "label")
    with pytest.raises(PetMtlError, match="no label column found"):
        choose_columns(table({"text": [f"text {n}" for n in many], "label": many}))


def test_many_labels_of_a_column_that_is_called_so() -> None:
    many = [f"intent {number}" for number in range(300)] * 2
    texts = [f"text {number}" for number in range(600)]
    assert choose_columns(table({"text": texts, "label": many})) == Roles(1, (0,))
    assert choose_columns(table({"text": texts, "what": many}), "what") == Roles(1, (0,))
    with pytest.raises(PetMtlError, match="no label column found"):
        choose_columns(table({"text": texts, "what": many}))
