import numpy as np
from gradients import Array, combined, gradient_sets


def slow(gradients: Array, generator: np.random.Generator) -> Array:
    """Return algorithm 1 of the paper, on the gradients themselves."""
    changed = gradients.copy()
    for own in range(len(gradients)):
        for other in generator.permutation(len(gradients)):
            against = changed[own] @ gradients[other]
            if other != own and against < 0:
                changed[own] -= against / (gradients[other] @ gradients[other]) * gradients[other]
    total: Array = changed.sum(0)
    return total


def test_the_papers_algorithm() -> None:
    for number, gradients in enumerate(gradient_sets()):
        wanted = slow(gradients, np.random.default_rng(number))
        np.testing.assert_allclose(
            combined("pcgrad", gradients, number), wanted, rtol=1e-8, atol=1e-10
        )


def test_without_a_conflict_it_is_the_sum() -> None:
    gradients = np.abs(np.random.default_rng(1).normal(size=(4, 5)))
    np.testing.assert_allclose(combined("pcgrad", gradients), gradients.sum(0))


def test_of_two_tasks_none_is_hurt() -> None:
    for gradients in gradient_sets():
        if len(gradients) == 2:
            assert (gradients @ combined("pcgrad", gradients) >= -1e-9).all()
