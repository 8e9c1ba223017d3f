import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.cloze.batch import LENGTH_STEP
from pet_mtl.pretraining.rows import PieceRows, pack_rows


def rows_of(widths: list[list[int]], room: int) -> list[tuple[int, int, int]]:
    paragraphs = np.cumsum([width + 1 for document in widths for width in document])
    documents = np.cumsum([len(document) for document in widths])
    starts, ends, document = pack_rows(paragraphs, documents, room)
    return list(zip(starts.tolist(), ends.tolist(), document.tolist(), strict=True))


@pytest.mark.parametrize(
    ("widths", "room", "expected"),
    [
        ([[3]], 8, [(0, 3, 0)]),
        ([[3], [4]], 8, [(0, 3, 0), (4, 8, 1)]),  # two documents never share a row
        ([[3, 4]], 8, [(0, 8, 0)]),  # two paragraphs do, a separator between them
        ([[3, 5]], 8, [(0, 3, 0), (4, 9, 0)]),
        ([[10]], 8, [(0, 5, 0), (5, 10, 0)]),  # equal pieces
        (
            [[17, 1]],
            8,
            [(0, 5, 0), (5, 11, 0), (11, 19, 0)],
        ),  # the last piece takes the next paragraph along
        ([[1, 1, 1, 1, 1]], 5, [(0, 5, 0), (6, 9, 0)]),
    ],
)
def test_packing(widths: list[list[int]], room: int, expected: list[tuple[int, int, int]]) -> None:
    assert rows_of(widths, room) == expected


@given(
    st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=6), min_size=1, max_size=8),
    st.integers(5, 40),
)
def test_every_piece_is_in_one_row_and_every_row_fits(widths: list[list[int]], room: int) -> None:
    seen: list[int] = []
    for start, end, document in rows_of(widths, room):
        assert 0 < end - start <= room
        seen += range(start, end)
        first = sum(width + 1 for widths_of in widths[:document] for width in widths_of)
        assert first <= start
        assert end <= first + sum(width + 1 for width in widths[document])
    assert len(seen) == len(set(seen))
    separators = np.cumsum([width + 1 for document in widths for width in document]) - 1
    missing = set(range(int(separators[-1]) + 1)) - set(seen)
    assert missing <= set(separators.tolist())  # only separators that closed a row


def make_rows() -> PieceRows:
    return PieceRows(
        pieces=np.array([10, 11, 3, 12, 13, 14, 15], np.uint16),
        starts=np.array([0, 4]),
        ends=np.array([4, 7]),
        before=(2,),
        after=(3,),
        maskable=np.arange(20) >= 5,
        pad_id=0,
        words=np.array([1, 0, 1, 1, 1, 0, 1], np.uint8),
    )


def test_a_batch() -> None:
    batch = make_rows().batch(np.array([1, 0]), 8, 2)
    assert batch.ids.tolist() == [[2, 13, 14, 15, 3, 0, 0, 0], [2, 10, 11, 3, 12, 3, 0, 0]]
    assert batch.lengths.tolist() == [5, 6]
    assert batch.tokens == 11
    assert batch.may[1].tolist() == [False, True, True, False, True, False, False, False]
    assert batch.words is not None
    assert batch.words[0, 1:4].tolist() == [True, False, True]


def test_blank_rows_keep_the_shape() -> None:
    batch = make_rows().batch(np.array([1]), 8, 50)
    height = LENGTH_STEP
    assert batch.ids.shape == (height, 8)
    assert batch.lengths.tolist() == [5] + [1] * (height - 1)
    assert not batch.may[1:].any()
    assert batch.tokens == 5
    assert len(batch.numbers) == height
