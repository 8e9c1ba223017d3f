from itertools import product

import numpy as np

from pet_mtl.words.suggest.automatic import automatic_scores
from pet_mtl.words.suggest.judge import Judge


def make(seed: int) -> Judge:
    """Ten words, three labels; words 3, 4 and 5 tell them apart."""
    generator = np.random.default_rng(seed)
    gold = np.repeat([0, 1, 2], 20)
    scores = generator.normal(-4, 0.5, (1, 10, 60)).astype(np.float32)
    for label in range(3):
        scores[0, 3 + label, gold == label] += 3
    return Judge(scores, gold, 60, "mean", False)


def test_the_search_finds_the_words_that_tell_the_labels_apart() -> None:
    found = automatic_scores(make(0), [0, 1, 2], [range(10)] * 3)
    assert found.argmax(-1).tolist() == [3, 4, 5]


def test_it_ends_as_good_as_trying_all_combinations() -> None:
    judge = make(1)
    pools = [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    best = max(
        judge.macro_f1(judge.all_scores(tuple((w,) for w in words))) for words in product(*pools)
    )
    assert automatic_scores(judge, [0, 1, 2], pools).max() == np.float32(best)


def test_words_outside_the_pools_have_no_score() -> None:
    found = automatic_scores(make(2), [0, 1, 2], [[0, 3], [1, 4], [2, 5]])
    assert [np.flatnonzero(np.isfinite(row)).tolist() for row in found] == [[0, 3], [1, 4], [2, 5]]


def test_two_labels_never_have_one_word() -> None:
    judge = make(3)
    found = automatic_scores(judge, [3, 0, 5], [[3], [0, 3, 4], [5]])
    assert np.isneginf(found[1, 3])
    assert found[1].argmax() == 4
