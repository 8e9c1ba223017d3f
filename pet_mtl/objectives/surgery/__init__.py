"""How the gradients of several tasks become one; one file a method.

All of them need only the dot products of the gradients: a method takes the matrix `G = J Jᵀ` of `T`
gradients `J` `[T, P]` and returns `T` factors, so that the step's gradient is their weighted sum.
Gradients that agree get what an ordinary step has, their sum.

In a step whose loss is the mean over its rows, a task's gradient has the length of its share of the
rows. Projections (pcgrad, upgrad) do not depend on such lengths, and keep the shares in what they
add. Methods that compare lengths (mgda, cagrad) get the gradients of each task's mean loss, as
their papers have it, and how many rows a task has in a step decides nothing; they return a weighted
mean of these, the scale of an ordinary step. A gradient of nothing, as a weight of 0 leaves it,
would make the shortest mean nothing too: these methods go by the others.
"""

from collections.abc import Callable

import numpy as np

from pet_mtl.objectives.surgery.cagrad import cagrad
from pet_mtl.objectives.surgery.dot_products import Matrix, Vector
from pet_mtl.objectives.surgery.mgda import mgda
from pet_mtl.objectives.surgery.pcgrad import pcgrad
from pet_mtl.objectives.surgery.upgrad import upgrad
from pet_mtl.suite.settings import SurgeryName

_METHODS: dict[str, Callable[[Matrix, np.random.Generator], Vector]] = {
    "pcgrad": pcgrad,
    "mgda": lambda products, _: mgda(products),
    "cagrad": lambda products, _: cagrad(products),
    "upgrad": lambda products, _: upgrad(products),
}


_OF_MEANS = frozenset({"mgda", "cagrad"})
_NOTHING = 1e-12  # of the largest squared length: what rounding leaves of a gradient of 0


def factors(
    name: SurgeryName,
    products: Matrix,
    generator: np.random.Generator,
    shares: Vector | None = None,
) -> Vector:
    """Return the factor of each gradient.

    Args:
        name: the method.
        products: `[T, T]` dot products of the gradients, each that of the sum over a task's rows by
            the step's rows.
        generator: for the method that draws an order.
        shares: `[T]` each task's share of the step's rows; None: all alike.
    """
    if name == "none" or len(products) == 1 or not (np.isfinite(products).all() and products.any()):
        return np.ones(len(products))
    back = np.ones(len(products))
    if name in _OF_MEANS:
        squares = products.diagonal()
        some = squares > _NOTHING * squares.max()
        if not some.all():
            own = None if shares is None else shares[some] / shares[some].sum()
            back[some] = factors(name, products[np.ix_(some, some)], generator, own)
            return back
        if shares is not None:
            products = products / np.outer(shares, shares)
            back = 1 / (len(products) * shares)
    scale = products.diagonal().max()  # no method depends on it, but the solvers' tolerances do
    return _METHODS[name](products / scale, generator) * back


__all__ = ["factors"]
