"""Scores as log-probabilities, against the obvious formula in twice the precision."""

import numpy as np
import pytest

from pet_mtl.kinds.kind import normalized


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("spread", [1, 1000])  # exponentials of the larger one have no number
def test_equals_the_sum_of_exponentials(axis: int, spread: int) -> None:
    scores = np.random.default_rng(0).normal(0, spread, (7, 5, 119)).astype(np.float32)
    sums = np.logaddexp.reduce(scores.astype(np.float64), axis=axis, keepdims=True)
    found = normalized(scores, axis)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, scores - sums, rtol=1e-6, atol=2e-6)
    np.testing.assert_allclose(np.exp(found).sum(axis), 1, rtol=1e-5)


def test_double_precision_stays_and_the_scores_too() -> None:
    scores = np.array([[0.0, -np.inf, 1.0]])
    found = normalized(scores)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [[-np.log1p(np.e), -np.inf, 1 - np.log1p(np.e)]], 1e-15)
    assert scores.tolist() == [[0.0, -np.inf, 1.0]]
