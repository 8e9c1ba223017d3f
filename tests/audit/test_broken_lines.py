"""Lines that were one row."""

import pytest

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
