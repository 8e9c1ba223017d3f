"""Rows and the places they came from."""

import numpy as np
import pytest

from pet_mtl.data.rows import Rows, Segment, Sources


@pytest.fixture
def rows() -> Rows:
    return Rows.of(
        {"a": ["x", "y", "z"], "b": ["1", "2", "3"]}, labels=[0, 1, -1], path="f.parquet"
    )


def test_length_texts_and_default_ids(rows: Rows) -> None:
    assert len(rows) == 3
    assert rows.text(2) == {"a": "z", "b": "3"}
    assert rows.ids.to_pylist() == ["0", "1", "2"]


def test_take_keeps_the_given_order(rows: Rows) -> None:
    taken = rows.take(np.array([2, 0]))
    assert taken.fields["a"].to_pylist() == ["z", "x"]
    assert taken.ids.to_pylist() == ["2", "0"]
    assert taken.labels.tolist() == [-1, 0]
    assert [taken.where(0), taken.where(1)] == ["f.parquet: row 3", "f.parquet: row 1"]


def test_take_nothing(rows: Rows) -> None:
    assert len(rows.take(np.array([], int))) == 0


def test_concat_of_whole_and_taken_rows_keeps_the_places(rows: Rows) -> None:
    other = Rows.of({"a": ["p", "q"], "b": ["8", "9"]}, labels=[1, 1], path="g.parquet")
    both = Rows.concat([rows.take(np.array([1])), other, other.take(np.array([1, 0]))])
    assert both.fields["a"].to_pylist() == ["y", "p", "q", "q", "p"]
    assert [both.where(i) for i in range(5)] == [
        "f.parquet: row 2",
        "g.parquet: row 1",
        "g.parquet: row 2",
        "g.parquet: row 2",
        "g.parquet: row 1",
    ]


def test_concat_copies_no_text(rows: Rows) -> None:
    assert Rows.concat([rows, rows]).fields["a"].num_chunks == 2


def test_places_over_segments_with_and_without_line_numbers() -> None:
    sources = Sources(
        (Segment("a", "line", 2, first=2), Segment("b", "line", 2, numbers=np.array([4, 9])))
    )
    assert len(sources) == 4
    assert [sources.where(i) for i in range(4)] == ["a:2", "a:3", "b:4", "b:9"]
    assert Sources.concat([sources, sources]).where(7) == "b:9"
    assert sources.take(np.array([3, 1])).take(np.array([1])).where(0) == "a:3"
