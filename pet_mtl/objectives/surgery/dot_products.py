"""The dot products of gradients, and vectors that have them."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


def root(products: Matrix) -> Matrix:
    """Return `A` `[T, T]` with `Aᵀ A` the products `[T, T]`: its columns lie to each other as the
    gradients do."""
    values, vectors = np.linalg.eigh(products)
    return np.asarray(np.sqrt(values.clip(min=0))[:, None] * vectors.T)
