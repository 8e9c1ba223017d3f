"""Texts that stand beside the same text, as rows of two texts."""

import itertools
import random
from collections import Counter

from pet_mtl.variants.recombine import recombine


def test_all_pairs_of_all_groups_once() -> None:
    rows = [("p", "a"), ("p", "b"), ("q", "c"), ("p", "d"), ("r", "e"), ("r", "f"), ("p", "a")]
    wanted = {*itertools.permutations("abd", 2), *itertools.permutations("ef", 2)}
    found = list(recombine(rows, 99, random.Random(1)))
    assert len(found) == len(wanted)
    assert set(found) == wanted


def test_some_are_drawn_evenly() -> None:
    rows = [("p", "a"), ("p", "b"), ("p", "c"), ("r", "e"), ("r", "f")]
    counts = Counter(
        pair for seed in range(4000) for pair in recombine(rows, 2, random.Random(seed))
    )
    assert len(counts) == 8
    assert all(900 < count < 1100 for count in counts.values())


def test_a_text_beside_very_many_costs_no_more_than_its_texts() -> None:
    rows = [("p", str(number)) for number in range(100_000)]  # ten thousand million pairs
    assert len(set(recombine(rows, 5, random.Random(1)))) == 5
