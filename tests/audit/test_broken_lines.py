"""Lines that were one row."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.audit.broken_lines import Line, rejoin

GOOD = [["1", "新", "a"], ["2", "闻", "b"]]


@pytest.mark.parametrize(
    ("rows", "whole", "beyond"),
    [
        ([], [], []),
        ([["3", "天"], ["气", "a"]], [["3", "天气", "a"]], []),
        ([["3", "天"], ["很"], ["气", "a"]], [["3", "天很气", "a"]], []),
        ([["3"], ["", "天", "a"]], [["", "天", "a"]], [["3"]]),
        ([["3", "天"], ["4", "气", "a"]], [["4", "气", "a"]], [["3", "天"]]),
        ([["3", "天", "a", "b"]], [], [["3", "天", "a", "b"]]),
        ([["3", "天"]], [], [["3", "天"]]),
    ],
)
def test_rejoin(rows: list[list[str]], whole: list[list[str]], beyond: list[list[str]]) -> None:
    lines = [Line(number, cells) for number, cells in enumerate([*GOOD, *rows, *GOOD], start=1)]
    joined, rest = rejoin(lines, 3, {1})
    assert [line.cells for line in joined] == [*GOOD, *whole, *GOOD]
    assert [line.cells for line in rest] == beyond


def test_every_way_to_cut_a_row() -> None:
    row = "7\t一条很长的新闻\ta"
    for cut in range(1, len(row)):
        pieces = [row[:cut], row[cut:]]
        lines = [Line(number, text.split("\t")) for number, text in enumerate(pieces, start=1)]
        joined, rest = rejoin(lines, 3, {0, 1, 2})
        assert (["\t".join(line.cells) for line in joined], rest) == ([row], []), cut


def test_a_lone_line_joins_a_text_only() -> None:
    rows = [["天"], ["气", "a"], ["新闻", "b"], ["---"], ["体育", "a"]]
    lines = [Line(number, cells) for number, cells in enumerate(rows, start=1)]
    joined, rest = rejoin(lines, 2, {0}, glue=" ")
    assert [line.cells for line in joined] == [["天 气", "a"], ["新闻", "b"], ["--- 体育", "a"]]
    joined, rest = rejoin(lines, 2, {1}, glue=" ")
    assert [line.cells for line in joined] == [["气", "a"], ["新闻", "b ---"], ["体育", "a"]]
    assert [line.number for line in rest] == [1]


def slow_rejoin(
    rows: list[list[str]], width: int, texts: set[int]
) -> tuple[list[list[str]], list[int]]:
    """As `rejoin`, of each line anew."""
    whole: list[list[str]] = []
    beyond, at = [], 0
    while at < len(rows):
        row, end = list(rows[at]), at + 1
        for end in range(at + 1, len(rows) + 1):
            if end == len(rows):
                break
            more = rows[end]
            if len(row) == width:
                fits = len(more) == 1 and width - 1 in texts and width > 1
            else:
                fits = len(more) < width or (len(row) == 1 and 0 in texts)
            if not fits or len(row) + len(more) - 1 > width:
                break
            row = [*row[:-1], f"{row[-1]} {more[0]}", *more[1:]]
        if len(row) == width:
            whole.append(row)
        else:
            beyond.append(at + 1)
            end = at + 1
        at = end
    return whole, beyond


@given(st.lists(st.integers(1, 4), max_size=14), st.integers(1, 4), st.sets(st.integers(0, 3)))
def test_lines_are_joined_as_from_each_line_anew(
    widths: list[int], width: int, texts: set[int]
) -> None:
    rows = [[f"{number}.{cell}" for cell in range(n)] for number, n in enumerate(widths)]
    lines = [Line(number, cells) for number, cells in enumerate(rows, start=1)]
    joined, rest = rejoin(lines, width, texts, glue=" ")
    found = [line.cells for line in joined], [line.number for line in rest]
    assert found == slow_rejoin(rows, width, texts)
    assert [line.cells for line in lines] == rows


def test_many_lone_lines_are_read_once() -> None:
    lone = [Line(number, ["天气"]) for number in range(100_000)]
    start = time.process_time()
    joined, rest = rejoin([*lone, Line(100_000, ["新", "闻", "a"])], 3, {1})
    assert time.process_time() - start < 20
    assert (len(joined), len(rest)) == (1, 100_000)
