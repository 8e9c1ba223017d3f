"""The rows of comma-separated lines, and where they go on behind a broken one."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.data.delimited_rows import TOO_LONG, quoted_rows


@given(st.lists(st.text('",a\r', max_size=6), max_size=8))
def test_rows_go_on_behind_the_first_line_of_a_broken_one(texts: list[str]) -> None:
    lines = [f"{text}\n" for text in texts]
    expected, at = [], 0
    while at < len(lines):
        reader = csv.reader(lines[at:], strict=True)
        try:
            expected += [(at + 1, cells, True)] if (cells := next(reader)) else []
            at += reader.line_num
        except csv.Error:
            at += 1
            expected.append((at, ["?"], False))
    found = [(line, cells, problem is None) for line, cells, problem in quoted_rows(lines)]
    assert found == expected


def test_many_stray_quotes_are_read_once() -> None:
    """Each opens a cell that the next one closes, and opens another, up to the end."""
    seen = 0

    class Line(str):
        def __len__(self) -> int:
            nonlocal seen
            seen += 1
            return super().__len__()

    rows = list(quoted_rows([Line('x","y\n') for _ in range(1000)]))
    assert [row[0] for row in rows] == list(range(1, 1001))
    assert seen < 10_000


def test_a_row_of_many_cells_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pet_mtl.data.delimited_rows.LONGEST_LINE", 100)
    first, second, *_ = quoted_rows(['x","y\n'] * 1000)
    assert first == (1, ["?"], TOO_LONG)
    assert second[0] == 2
