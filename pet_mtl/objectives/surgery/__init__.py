"""How the gradients of several tasks become one; one file a method.

All of them need only the dot products of the gradients: a method takes the matrix `G = J Jᵀ` of `T` gradients `J`
`[T, P]` and returns `T` factors, so that the step's gradient is their weighted sum. Gradients that agree get what an
ordinary step has, their sum.
"""

from collections.abc import Callable

import numpy as np

from pet_mtl.objectives.surgery.cagrad import cagrad
from pet_mtl.objectives.surgery.dot_products import Matrix, Vector
from pet_mtl.objectives.surgery.mgda import mgda
from pet_mtl.objectives.surgery.pcgrad import pcgrad
from pet_mtl.objectives.surgery.upgrad import upgrad
from pet_mtl.spec.settings import SurgeryName

_METHODS: dict[str, Callable[[Matrix, np.random.Generator], Vector]] = {
    "pcgrad": pcgrad,
    "mgda": lambda products, _: mgda(products),
    "cagrad": lambda products, _: cagrad(products),
    "upgrad": lambda products, _: upgrad(products),
}


def factors(name: SurgeryName, products: Matrix, generator: np.random.Generator) -> Vector:
    """Return the factor of each gradient.

    Args:
        name: the method.
        products: `[T, T]` dot products of the gradients.
        generator: for the method that draws an order.
    """
    if name == "none" or len(products) == 1 or not (np.isfinite(products).all() and products.any()):
        return np.ones(len(products))
    scale = products.diagonal().max()  # no method depends on it, but the solvers' tolerances do
    return _METHODS[name](products / scale, generator)


__all__ = ["factors"]
