"""Take units of a row in random order until a share of its pieces is reached."""

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.draws import Draws

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


def take_units(may: BoolArray, starts: BoolArray, draws: Draws, target: FloatArray) -> BoolArray:
    """Choose whole units at random so that each row gives `target` pieces on average.

    The units of a row are put in random order; the one that crosses the target is taken with the
    probability that makes the expected number of pieces exactly the target.

    Args:
        may: `[N, L]` pieces that may be chosen.
        starts: `[N, L]` where a unit begins; a unit ends where the next begins, pieces that may not
            be chosen left out.
        draws: random numbers of the rows.
        target: `[N]` pieces to choose.

    Returns:
        `[N, L]` chosen pieces.
    """
    count, length = may.shape
    unit = np.maximum.accumulate(np.where(starts, np.arange(length), 0), axis=1)
    order_of_unit = draws.uniform(0, length)
    key = np.where(may, np.take_along_axis(order_of_unit, unit, 1), 2.0)
    order = np.argsort(key, axis=1, kind="stable")  # stable: the pieces of a unit stay together
    sorted_key = np.take_along_axis(key, order, 1)
    position = np.arange(length)
    opens = np.ones((count, length), bool)
    opens[:, 1:] = sorted_key[:, 1:] != sorted_key[:, :-1]
    first = np.maximum.accumulate(np.where(opens, position, 0), axis=1)
    closes = np.ones((count, length), bool)
    closes[:, :-1] = opens[:, 1:]
    last = np.minimum.accumulate(np.where(closes, position, length)[:, ::-1], axis=1)[:, ::-1]
    size = last - first + 1
    taken = (first + draws.uniform(1, 1) * size < target[:, None]) & (sorted_key < 2.0)
    chosen = np.zeros((count, length), bool)
    np.put_along_axis(chosen, order, taken, 1)
    return chosen
