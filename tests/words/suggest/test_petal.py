import math

import numpy as np
import pytest

from pet_mtl.words.suggest import petal
from pet_mtl.words.suggest.judge import members
from pet_mtl.words.suggest.petal import most_likely, petal_scores

LOG_P = np.log(np.random.default_rng(0).uniform(0.01, 0.99, (6, 9))).astype(np.float32)  # [C, N]
GOLD = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2])


def slow(word: int, label: int) -> float:
    """The paper's formula, row by row."""
    positive = [row for row in range(9) if GOLD[row] == label]
    negative = [row for row in range(9) if GOLD[row] != label]
    s = len(positive) / len(negative)
    p = np.exp(LOG_P[word].astype(float))
    return sum(math.log(p[r]) - math.log(1 - p[r]) for r in positive) + s * sum(
        math.log(1 - p[r]) - math.log(p[r]) for r in negative
    )


def test_the_ratio_is_the_papers() -> None:
    found = petal_scores(LOG_P, members(GOLD, 3), [range(6)])
    expected = [[slow(word, label) for word in range(6)] for label in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_only_the_likeliest_words_of_each_group_are_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(petal, "MOST_LIKELY", 2)
    found = petal_scores(LOG_P, members(GOLD, 3), [[0, 1, 2], [3, 4]])
    for label in range(3):
        sums = LOG_P[:, label == GOLD].sum(1)
        expected = {*sorted([0, 1, 2], key=lambda w: -sums[w])[:2], 3, 4}
        assert set(np.flatnonzero(np.isfinite(found[label]))) == expected


def test_certain_words_and_labels_without_rows() -> None:
    certain = np.zeros((2, 9), np.float32)  # p = 1
    found = petal_scores(certain, members(GOLD, 4), [range(2)])
    assert np.isfinite(found[:3]).all()
    assert np.isneginf(found[3]).all()


def test_most_likely() -> None:
    assert most_likely(np.array([[-3.0, -3.0], [-1.0, -1.0], [-2.0, -2.5]]), 2).tolist() == [1, 2]
