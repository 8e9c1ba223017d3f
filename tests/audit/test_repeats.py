"""Rows with one text."""

from collections.abc import Callable

import numpy as np

from pet_mtl.audit.parts import Part
from pet_mtl.audit.repeats import check_repeats
from pet_mtl.text import normalize_text

MakePart = Callable[..., Part]


def test_repeats_and_conflicts(make_part: MakePart) -> None:
    part = make_part(["新车", "Ａ股", "a 股", "新车", "天气"], [0, 0, 1, 0, 1])
    figures, findings = check_repeats(part)
    assert figures == {"repeats": 2, "conflicting_texts": 1}
    repeats, conflict = findings
    assert (repeats.level, repeats.where) == ("warning", ("train: row 3", "train: row 4"))
    assert repeats.message == "2 of 5 rows (40.0 %) repeat a text"
    assert conflict.where == ('train: row 2 "a" and train: row 3 "b"',)


def test_a_few_repeats_are_no_matter(make_part: MakePart) -> None:
    texts = [*map(str, range(300)), "7"]
    assert [finding.level for finding in check_repeats(make_part(texts))[1]] == ["note"]
    assert [finding.level for finding in check_repeats(make_part(texts, name="dev"))[1]] == [
        "warning"
    ]
    assert check_repeats(make_part(list("abc"))) == ({"repeats": 0, "conflicting_texts": 0}, [])


def test_against_the_obvious_way(make_part: MakePart) -> None:
    draw = np.random.default_rng(2)
    texts = [draw.choice(["Ａ", "a ", "b"]) + str(number) for number in draw.integers(0, 60, 150)]
    labels = draw.integers(0, 2, 150).tolist()
    seen: dict[str, set[int]] = {}
    repeats = 0
    for text, label in zip(map(normalize_text, texts), labels, strict=True):
        repeats += text in seen
        seen.setdefault(text, set()).add(label)
    figures, _ = check_repeats(make_part(texts, labels))
    assert figures == {
        "repeats": repeats,
        "conflicting_texts": sum(len(found) == 2 for found in seen.values()),
    }


def test_a_field_that_repeats_in_pairs(make_part: MakePart) -> None:
    figures, (finding,) = check_repeats(make_part(["前提"] * 4 + ["别的"], other=list("abcde")))
    assert figures["different_texts"] == {"text": 2, "other": 5}
    assert (finding.level, finding.message) == ("note", ("5 rows have 2 different texts in `text`"))
