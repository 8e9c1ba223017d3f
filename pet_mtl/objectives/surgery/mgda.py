"""MGDA: the shortest gradient that is a mean of the tasks' (Désidéri 2012; Sener and Koltun
2018)."""

import numpy as np

from pet_mtl.objectives.surgery.dot_products import Matrix, Vector, root


def mgda(products: Matrix) -> Vector:
    """Return T times the `c` of the simplex with the least ‖Σ c_t g_t‖; no task's loss rises along
    it.

    The least-squares problem with non-negative `u` over the gradients with a row of ones below, and
    a target of zeros with a one below, has its solution at a multiple of `c` (Lawson and Hanson
    1974, chapter 23).

    >>> mgda(np.array([[1.0, 0.0], [0.0, 4.0]]))  # the means 0.8 and 0.2
    array([1.6, 0.4])
    """
    from scipy.optimize import nnls  # not at the start: few runs need it

    count = len(products)
    solution, _ = nnls(np.vstack([root(products), np.ones(count)]), np.eye(count + 1)[-1])
    return np.asarray(solution * count / solution.sum())
