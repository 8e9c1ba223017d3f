"""Targets that are numbers: what is read, what is refused, and how they are told."""

import pytest
from target_tasks import number_task, read, refused

from pet_mtl.data.targets import target_text


def test_numbers_of_the_range(write) -> None:
    rows = read(write("t.tsv", "t\t0\nt\t2.5\nt\t5.0\nt\t 1e0 \n"), number_task())
    assert rows.targets is not None
    assert rows.targets.tolist() == [0, 2.5, 5, 1]
    assert rows.labels.tolist() == [0, 5, 9, 2]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("5.1", 'the target "5.1" is outside the range 0 to 5'),
        ("-0.1", "is outside the range"),
        ("much", 'the target "much" is not a number'),
        ("nan", "is not a number"),
        ("inf", "is not a number"),
        ("1_0", "is not a number"),
        ("", "the target is empty"),
    ],
)
def test_bad_numbers(write, cell: str, message: str) -> None:
    error = refused(write("t.tsv", f"t\t1\nt\t{cell}\nt\t2\n"), number_task())
    (problem,) = error.problems
    assert message in problem.message
    assert problem.where is not None
    assert problem.where.endswith("t.tsv:2")
    assert problem.hint


def test_a_range_of_its_own(write) -> None:
    path = write("t.tsv", "t\t-1\nt\t1\n")
    assert read(path, number_task(range=[-1, 1])).labels.tolist() == [0, 9]
    assert "-0.5 to 1" in str(refused(path, number_task(range=[-0.5, 1])))


def test_numbers_are_told_in_full(write) -> None:
    """`data check` shows them and `data clean` tells conflicts by them."""
    cells = ["1000000", "1000001.5", "0.1234567", "0.1234568", "-0.000012", "3.0"]
    path = write("t.tsv", "".join(f"t\t{cell}\n" for cell in cells))
    task = number_task(range=[-1, 2345678])
    shown = [target_text(target, task) for target in read(path, task).gold]
    assert shown == [*cells[:-1], "3"]
    over = refused(write("t.tsv", "t\t2345679\nt\t1\n"), task).problems[0]
    assert over.message == 'the target "2345679" is outside the range -1 to 2345678'
