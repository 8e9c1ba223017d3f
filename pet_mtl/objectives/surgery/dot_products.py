"""Small problems over the dot products of gradients."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


def root(products: Matrix) -> Matrix:
    """Return `A` `[T, T]` with `Aᵀ A` the dot products: its columns lie to each other as the
    gradients do."""
    values, vectors = np.linalg.eigh(products)
    return np.asarray(np.sqrt(values.clip(min=0))[:, None] * vectors.T)
