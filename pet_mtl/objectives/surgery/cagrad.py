"""CAGrad: conflict-averse gradient descent (Liu et al. 2021)."""

import math

import numpy as np

from pet_mtl.objectives.surgery.dot_products import Matrix, Vector

C = 0.5
_LEAST = 1e-12  # of ‖g_w‖²: gradients that cancel leave rounding errors, which are no direction


def cagrad(products: Matrix) -> Vector:
    """Return the factors of the direction within C ‖ḡ‖ of the mean ḡ along which the worst task
    gains most.

    It is ḡ + C ‖ḡ‖ g_w / ‖g_w‖ with the w of the simplex that has the least g_w · ḡ + C ‖ḡ‖ ‖g_w‖
    (the dual problem), here T / (1 + C) times that.

    >>> cagrad(np.array([[1.0, 1.0], [1.0, 1.0]])).sum().round(6)  # gradients that agree: their sum
    np.float64(2.0)
    """
    from scipy.optimize import minimize  # not at the start: few runs need it

    count = len(products)
    equal = np.full(count, 1 / count)

    def norm(w: Vector) -> float:
        return math.sqrt(max(_LEAST, float(w @ products @ w)))

    length = norm(equal)

    def dual(w: Vector) -> float:
        return float(w @ products @ equal) + C * length * norm(w)

    simplex = {"type": "eq", "fun": lambda w: w.sum() - 1}
    w = minimize(
        dual, equal, method="SLSQP", bounds=[(0, 1)] * count, constraints=simplex, tol=1e-10
    ).x
    return np.asarray((equal + C * length / norm(w) * w) * count / (1 + C))
