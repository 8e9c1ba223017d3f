import numpy as np
import pytest
from gradients import Array, combined, gradient_sets

from pet_mtl.objectives.surgery.cagrad import C, cagrad


def worst_gain(direction: Array, gradients: Array) -> float:
    return float((gradients @ direction).min())


def test_no_direction_of_the_ball_is_better_for_the_worst_task() -> None:
    """The primal problem of the paper: max over ‖d - ḡ‖ ≤ C ‖ḡ‖ of the least g_t · d."""
    generator = np.random.default_rng(4)
    for gradients in gradient_sets():
        count, mean = len(gradients), gradients.mean(0)
        found = combined("cagrad", gradients) * (1 + C) / count
        radius = C * np.linalg.norm(mean)
        assert np.linalg.norm(found - mean) == pytest.approx(radius, rel=1e-4)
        size = np.abs(gradients @ found).max()
        for scale in (1.0, 0.3, 0.03, 0.003):
            for step in generator.normal(size=(100, len(mean))):
                other = found + scale * radius * step / np.linalg.norm(step) - mean
                other = mean + other * min(1.0, radius / np.linalg.norm(other))
                assert worst_gain(other, gradients) <= worst_gain(found, gradients) + 1e-3 * size


def test_gradients_that_cancel_are_no_direction() -> None:
    """Two opposite tasks beside a third: what rounding leaves of their sum is not scaled up."""
    gradients = np.array([[1.0, 0.0], [-1.0, 1e-9], [0.0, 1.0]])
    factors = cagrad(gradients @ gradients.T)
    assert factors.max() < 1e6
    third = gradients.sum(0) / (1 + C)
    assert factors @ gradients == pytest.approx(third, abs=1e-3)
