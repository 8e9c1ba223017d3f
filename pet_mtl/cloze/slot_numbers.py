"""How many masks label words are read with: as many as they have pieces, the longest word's, or a
few numbers in between."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Literal

Slots = Literal["exact", "shared"] | int


def slot_numbers(lengths: Iterable[int], slots: Slots) -> tuple[int, ...]:
    """Return the numbers of masks that words are read with, ascending: a prompt for each.

    Args:
        lengths: pieces of each word.
        slots: `exact` for all lengths that occur, `shared` for the longest, a number for at most so
            many: those for which all words together are closed by the fewest blanks.

    >>> lengths = [2, 2, 2, 3, 4, 4, 7]
    >>> slot_numbers(lengths, "exact"), slot_numbers(lengths, "shared")
    ((2, 3, 4, 7), (7,))
    >>> slot_numbers(lengths, 3), slot_numbers(lengths, 2)
    ((2, 4, 7), (4, 7))
    """
    counts = sorted(Counter(lengths).items())
    found = [length for length, _ in counts]
    most = {"exact": len(found), "shared": 1}[slots] if isinstance(slots, str) else slots
    if most >= len(found):
        return tuple(found)
    # by the number of masks that a group ends in: fewest blanks of all words up to it, and the ends
    best: dict[int, tuple[int, tuple[int, ...]]] = {-1: (0, ())}
    for _ in range(most):
        best = {
            end: min(
                (blanks + _blanks(counts[start + 1 : end + 1]), (*ends, found[end]))
                for start, (blanks, ends) in best.items()
                if start < end
            )
            for end in range(len(found))
            if min(best) < end
        }
    return best[len(found) - 1][1]


def _blanks(group: Collection[tuple[int, int]]) -> int:
    """Return the blanks that close words, given as lengths and how many have them, up to the
    longest."""
    longest = max(length for length, _ in group)
    return sum(count * (longest - length) for length, count in group)


def smallest_fit(length: int, numbers: Iterable[int]) -> int:
    """Return the smallest number of masks that holds a word."""
    return min(number for number in numbers if number >= length)
