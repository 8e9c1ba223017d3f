"""The numbers of masks against all choices of them."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.cloze.slot_numbers import slot_numbers, smallest_fit

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=20)


def blanks(lengths: list[int], numbers: tuple[int, ...]) -> int:
    return sum(smallest_fit(length, numbers) - length for length in lengths)


@given(LENGTHS, st.integers(1, 10))
def test_no_other_choice_needs_fewer_blanks(lengths: list[int], most: int) -> None:
    distinct = sorted(set(lengths))
    numbers = slot_numbers(lengths, most)
    assert list(numbers) == sorted(set(numbers))
    assert len(numbers) == min(most, len(distinct))
    assert set(numbers) <= set(distinct)
    least = min(
        blanks(lengths, (*chosen, distinct[-1]))
        for chosen in combinations(distinct[:-1], len(numbers) - 1)
    )
    assert blanks(lengths, numbers) == least


@given(LENGTHS)
def test_limits(lengths: list[int]) -> None:
    assert slot_numbers(lengths, 1) == slot_numbers(lengths, "shared") == (max(lengths),)
    assert slot_numbers(lengths, 9) == slot_numbers(lengths, "exact") == tuple(sorted({*lengths}))
