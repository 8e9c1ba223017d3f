"""UPGrad: each gradient is made to hurt nobody, then they are added (Quinton and Rey 2024)."""

import numpy as np

from pet_mtl.objectives.surgery.dot_products import Matrix, Vector, root


def upgrad(products: Matrix) -> Vector:
    """Return the factors of the sum of all g_t projected onto the dual cone, the directions that
    lower no g_s · x.

    The projection of g_t is g_t + Σ u_s g_s with the u ≥ 0 that make it shortest.

    >>> upgrad(np.array([[1.0, -1.0], [-1.0, 4.0]])).round(6)  # g_1 + g_2 / 4, g_2 + g_1
    array([2.  , 1.25])
    """
    from scipy.optimize import nnls  # not at the start: few runs need it

    columns = root(products)
    return np.asarray(
        sum(column + nnls(columns, -columns @ column)[0] for column in np.eye(len(products)))
    )
