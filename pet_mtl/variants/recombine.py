"""Rows of two texts out of texts that stand beside the same text."""

import random
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate


def recombine(
    rows: Iterable[tuple[str, str]], count: int, rng: random.Random
) -> Iterator[tuple[str, str]]:
    """Yield up to `count` ordered pairs of different second texts that share a first text, drawn
    evenly from all of them.

    >>> sorted(recombine([("p", "a"), ("p", "b"), ("q", "c")], 9, random.Random(1)))
    [('a', 'b'), ('b', 'a')]
    """
    beside: dict[str, dict[str, None]] = {}
    for first, second in rows:
        beside.setdefault(first, {})[second] = None
    groups = [list(texts) for texts in beside.values() if len(texts) > 1]
    ends = list(accumulate(len(group) * (len(group) - 1) for group in groups))
    everything = range(ends[-1] if ends else 0)
    for number in rng.sample(everything, min(count, len(everything))):
        which = bisect_right(ends, number)
        group, place = groups[which], number - (ends[which - 1] if which else 0)
        left, right = divmod(place, len(group) - 1)
        yield group[left], group[right + (right >= left)]
