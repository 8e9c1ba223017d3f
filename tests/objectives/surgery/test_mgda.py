import numpy as np
import pytest
from gradients import combined, gradient_sets


def test_the_closed_form_of_two_tasks() -> None:
    for gradients in gradient_sets():
        if len(gradients) == 2:
            first, second = gradients
            share = np.clip((second - first) @ second / ((first - second) @ (first - second)), 0, 1)
            np.testing.assert_allclose(
                combined("mgda", gradients),
                2 * (share * first + (1 - share) * second),
                rtol=1e-5,
                atol=1e-9,
            )


def test_no_mean_is_shorter_and_no_task_is_hurt() -> None:
    generator = np.random.default_rng(2)
    for gradients in gradient_sets():
        found = combined("mgda", gradients) / len(gradients)
        others = generator.dirichlet(np.ones(len(gradients)), size=200) @ gradients
        assert np.linalg.norm(found) <= np.linalg.norm(others, axis=1).min() * (1 + 1e-9)
        # g_t · d ≥ ‖d‖² for all tasks: the condition of the shortest mean
        assert (gradients @ found).min() == pytest.approx(found @ found, rel=1e-4, abs=1e-8)
