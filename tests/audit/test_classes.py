"""Rows of each label."""

from collections.abc import Callable
from dataclasses import replace

import toys

from pet_mtl.audit.classes import check_classes
from pet_mtl.audit.parts import Part

MakePart = Callable[..., Part]


def with_labels(part: Part, labels: list[str]) -> Part:
    return replace(
        part,
        task=toys.make_task(
            "{mask}。{text}", {label: ["好" * (i + 1)] for i, label in enumerate(labels)}
        ),
    )


def test_even_classes_are_fine(make_part: MakePart) -> None:
    figures, findings = check_classes(make_part(list("0123456789") * 2, [0] * 10 + [1] * 10))
    assert (figures, findings) == ({"labels": {"a": 10, "b": 10}}, [])


def test_rare_and_absent_labels(make_part: MakePart) -> None:
    part = with_labels(
        make_part(["x"] * 1000, [0] * 600 + [1] * 380 + [2] * 20), ["a", "b", "c", "d"]
    )
    figures, findings = check_classes(part)
    assert figures["labels"] == {"a": 600, "b": 380, "c": 20, "d": 0}
    assert [(finding.level, finding.message) for finding in findings] == [
        ("warning", 'no row has the label "d" of toy.txt'),
        ("warning", "rare labels: c 2.0 % (20)"),
    ]


def test_thousands_of_labels_are_a_line(make_part: MakePart) -> None:
    labels = [f"l{number}" for number in range(6000)]
    rows = [*range(1, 3000), *range(4000), 7]
    figures, findings = check_classes(with_labels(make_part(["x"] * len(rows), rows), labels))
    assert len(figures["labels"]) == 6000
    absent, rare = (finding.message for finding in findings)
    assert absent.startswith('no row has the label "l4000", "l4001"')
    assert absent.endswith('"l4009" and 1,990 more of toy.txt')
    assert rare.startswith("rare labels: l0 0.0 % (1), l3000 0.0 % (1), ")
    assert rare.endswith(" and 3,990 more")


def test_gaps_between_numbers(make_part: MakePart) -> None:
    part = with_labels(make_part(["x"] * 40, [0, 1, 2, 3] * 10), ["100", "101", "102", "104"])
    assert [str(finding) for finding in check_classes(part)[1]] == [
        'note: toy/train: the labels leave out "103"'
    ]


def test_a_label_of_more_digits_than_python_reads(make_part: MakePart) -> None:
    part = with_labels(make_part(["x"] * 40, [0, 1] * 20), ["1", "9" * 5000])
    assert check_classes(part)[1] == []


def test_rows_without_labels(make_part: MakePart) -> None:
    assert check_classes(make_part(["x"], [-1])) == ({}, [])
