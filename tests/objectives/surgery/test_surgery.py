"""What all methods have in common."""

from typing import get_args

import numpy as np
import pytest
from gradients import combined, gradient_sets

from pet_mtl.objectives.surgery import factors
from pet_mtl.suite.settings import SurgeryName

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
    for products in (
        np.zeros((2, 2)),
        np.full((2, 2), np.nan),
        np.diag([1.0, 0.0]),
        np.diag([np.inf, 1.0]),
    ):
        assert np.isfinite(factors(name, products, generator)).all()


@pytest.mark.parametrize("name", METHODS)
def test_tasks_that_agree_get_the_mean_over_the_rows_whatever_their_shares(
    name: SurgeryName,
) -> None:
    shares = np.array([6, 30, 28]) / 64
    rows = shares[:, None] * np.array([[3.0, -1.0]])  # one gradient of all tasks' mean losses
    found = factors(name, rows @ rows.T, np.random.default_rng(0), shares) @ rows
    np.testing.assert_allclose(found, [3.0, -1.0], rtol=1e-4)


@pytest.mark.parametrize("name", ["mgda", "cagrad"])
def test_rows_decide_nothing_where_lengths_are_compared(name: SurgeryName) -> None:
    generator = np.random.default_rng(0)
    for means in gradient_sets():
        found = []
        for shares in (
            np.full(len(means), 1 / len(means)),
            generator.dirichlet(np.ones(len(means)) * 3),
        ):
            rows = shares[:, None] * means
            found.append(factors(name, rows @ rows.T, generator, shares) @ rows)
        np.testing.assert_allclose(found[1], found[0], rtol=2e-3, atol=1e-3 * np.abs(means).max())


def test_mgda_of_two_orthogonal_tasks_with_other_shares() -> None:
    """Gradients of mean losses of lengths 1 and 2: the means 0.8 and 0.2, and factors that take the
    shares back."""
    shares = np.array([0.1, 0.9])
    products = np.diag((shares * np.array([1.0, 2.0])) ** 2)
    np.testing.assert_allclose(
        factors("mgda", products, np.random.default_rng(0), shares),
        np.array([0.8, 0.2]) / shares,
        rtol=1e-9,
    )


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("shares", [None, np.array([0.2, 0.5, 0.3])])
def test_a_task_without_a_gradient_leaves_the_step_to_the_others(
    name: SurgeryName, shares: np.ndarray | None
) -> None:
    """A weight of 0 is allowed."""
    for gradients in (np.array([[3.0, -1.0], [1.0, 2.0]]), np.array([[3.0, -1.0], [-2.0, 2.0]])):
        with_nothing = np.insert(gradients, 1, 0.0, axis=0)
        of_all = factors(name, with_nothing @ with_nothing.T, np.random.default_rng(0), shares)
        left = None if shares is None else shares[[0, 2]] / shares[[0, 2]].sum()
        alone = factors(name, gradients @ gradients.T, np.random.default_rng(0), left)
        np.testing.assert_allclose(of_all[[0, 2]], alone, rtol=1e-6)
        assert of_all[1] <= 1 + 1e-9
    assert factors(name, np.diag([4.0, 0.0]), np.random.default_rng(0))[0] == 1
