"""Random gradients for the tests of surgery."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pet_mtl.objectives.surgery import factors
from pet_mtl.suite.settings import SurgeryName

Array = npt.NDArray[np.float64]


def gradient_sets() -> Iterator[Array]:
    """Yield gradients `[T, P]` that agree more or less, of very different lengths, some dependent
    on each other."""
    generator = np.random.default_rng(3)
    for number in range(60):
        count, size = 2 + number % 4, (2, 6, 40)[number % 3]
        common = generator.normal(size=size) * (0, 0.5, 2)[number % 3]
        yield (generator.normal(size=(count, size)) + common) * 10 ** generator.uniform(
            -3, 1, size=(count, 1)
        )


def combined(name: SurgeryName, gradients: Array, seed: int = 0) -> Array:
    """Return what a method makes of gradients."""
    return factors(name, gradients @ gradients.T, np.random.default_rng(seed)) @ gradients
