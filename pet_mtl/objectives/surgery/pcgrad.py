"""PCGrad: projecting conflicting gradients (Yu et al. 2020)."""

import numpy as np

from pet_mtl.objectives.surgery.dot_products import Matrix, Vector


def pcgrad(products: Matrix, generator: np.random.Generator) -> Vector:
    """Return the factors of Σ g_i after each g_i lost what it has against the others, which come in
    random order.

    >>> pcgrad(np.array([[1.0, -1.0], [-1.0, 4.0]]),
    ...     np.random.default_rng(0))  # g_1 + g_2 / 4, g_2 + g_1
    array([2.  , 1.25])
    """
    count = len(products)
    total = np.zeros(count)
    for own in range(count):
        factors = np.eye(count)[own]
        for other in generator.permutation(count):
            against = factors @ products[:, other]
            if other != own and against < 0:
                factors[other] -= against / products[other, other]
        total += factors
    return total
