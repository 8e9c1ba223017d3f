import numpy as np
from gradients import Array, combined, gradient_sets
from scipy.optimize import minimize


def projected(gradient: Array, gradients: Array) -> Array:
    """Return the nearest vector to a gradient that has no negative product with any, by a general
    solver."""
    unit = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    scale = np.linalg.norm(gradient)
    result = minimize(
        lambda x: ((x - gradient / scale) ** 2).sum(),
        np.zeros_like(gradient),
        jac=lambda x: 2 * (x - gradient / scale),
        method="SLSQP",
        constraints={"type": "ineq", "fun": lambda x: unit @ x, "jac": lambda x: unit},
        tol=1e-12,
    )
    found: Array = result.x * scale
    return found


def test_the_sum_of_the_projections() -> None:
    for gradients in gradient_sets():
        if gradients.shape[1] <= 6:
            wanted = sum(projected(gradient, gradients) for gradient in gradients)
            size = np.abs(gradients).max()
            np.testing.assert_allclose(
                combined("upgrad", gradients) / size, wanted / size, atol=1e-4
            )


def test_no_task_is_hurt() -> None:
    for gradients in gradient_sets():
        unit = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
        assert (unit @ combined("upgrad", gradients) >= -1e-6).all()


def test_without_a_conflict_it_is_the_sum() -> None:
    gradients = np.abs(np.random.default_rng(1).normal(size=(4, 5)))
    np.testing.assert_allclose(combined("upgrad", gradients), gradients.sum(0), rtol=1e-6)
