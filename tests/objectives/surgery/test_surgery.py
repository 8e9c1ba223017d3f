"""What all methods have in common."""

from typing import get_args

import numpy as np
import pytest
from gradients import combined, gradient_sets

from pet_mtl.objectives.surgery import factors
from pet_mtl.spec.settings import SurgeryName

METHODS = [name for name in get_args(SurgeryName) if name != "none"]


@pytest.mark.parametrize("name", METHODS)
def test_gradients_that_agree_are_added(name: SurgeryName) -> None:
    same = np.outer([1.0, 1.0, 1.0], [3.0, -1.0])
    np.testing.assert_allclose(combined(name, same), same.sum(0), rtol=1e-4)


@pytest.mark.parametrize("name", [*METHODS, "none"])
def test_one_task_is_left_alone(name: SurgeryName) -> None:
    assert combined(name, np.array([[3.0, -1.0]])).tolist() == [3.0, -1.0]


@pytest.mark.parametrize("name", METHODS)
def test_the_scale_of_all_gradients_decides_nothing(name: SurgeryName) -> None:
    for gradients in gradient_sets():
        once, more = combined(name, gradients), combined(name, 1e-6 * gradients)
        np.testing.assert_allclose(more * 1e6, once, rtol=1e-3, atol=1e-6 * np.abs(gradients).max())


@pytest.mark.parametrize("name", METHODS)
def test_gradients_that_are_zero_or_no_numbers_get_through(name: SurgeryName) -> None:
    generator = np.random.default_rng(0)
    for products in (np.zeros((2, 2)), np.full((2, 2), np.nan), np.diag([1.0, 0.0]), np.diag([np.inf, 1.0])):
        assert np.isfinite(factors(name, products, generator)).all()
