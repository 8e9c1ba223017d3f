"""Rows with one text and several labels."""

import numpy as np

from pet_mtl.data.duplicates import find_conflicts
from pet_mtl.data.rows import Rows


def test_groups_and_counts() -> None:
    titles = ["b", "a", "Ａ", "c", "a ", "c", "b", "d"]
    rows = Rows.of({"title": titles}, labels=[0, 0, 1, 1, 0, 1, 1, 0], path="t")
    conflicts = find_conflicts(rows)
    assert [group.tolist() for group in conflicts.groups] == [[0, 6], [1, 2, 4]]
    assert (conflicts.duplicates, conflicts.rows) == (4, 8)
    summary = conflicts.summary(rows, ("x", "y"))
    assert summary == (
        "4 of 8 rows repeat a text, 2 texts have different labels "
        '(t: row 1 "x" and t: row 7 "y"; t: row 2 "x" and t: row 3 "y")'
    )


def test_no_conflicts() -> None:
    rows = Rows.of({"title": ["a", "a", "b"]}, labels=[1, 1, 0])
    conflicts = find_conflicts(rows)
    assert (conflicts.groups, conflicts.duplicates) == ((), 1)
    assert conflicts.summary(rows, ("x", "y")) is None


def test_rows_without_labels_do_not_count() -> None:
    assert find_conflicts(Rows.of({"title": ["a", "a"]}, labels=[1, -1])).groups == ()
    assert find_conflicts(Rows.of({"title": ["a", "a"]})).duplicates == 0


def test_both_texts_of_a_pair_must_be_the_same() -> None:
    rows = Rows.of({"a": ["p", "p", "p"], "b": ["x", "y", "x"]}, labels=[0, 1, 1])
    assert [group.tolist() for group in find_conflicts(rows).groups] == [[0, 2]]


def test_long_lists_are_shortened() -> None:
    rows = Rows.of({"title": list("aabbccddaa")}, labels=[0, 1] * 5, path="t")
    summary = find_conflicts(rows).summary(rows, ("x", "y"))
    assert summary is not None
    assert summary.startswith(
        '6 of 10 rows repeat a text, 4 texts have different labels (t: row 1 "x" and t: row 2 "y"; '
    )
    assert summary.endswith('t: row 5 "x" and t: row 6 "y"; …)')


def test_against_the_obvious_way() -> None:
    generator = np.random.default_rng(0)
    titles = [str(number) for number in generator.integers(0, 80, 200)]
    labels = generator.integers(0, 2, 200).tolist()
    groups: dict[str, list[int]] = {}
    for row, title in enumerate(titles):
        groups.setdefault(title, []).append(row)
    expected = [group for group in groups.values() if len({labels[row] for row in group}) > 1]
    conflicts = find_conflicts(Rows.of({"title": titles}, labels=labels))
    assert [group.tolist() for group in conflicts.groups] == expected
    assert conflicts.duplicates == 200 - len(groups)
