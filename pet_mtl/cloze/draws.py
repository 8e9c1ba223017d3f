"""Random numbers that depend on nothing but seed, epoch or step, row and position (splitmix64 as a
counter-based generator).

So the masks of a row are the same whichever batch, process or resumed run it is in.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
_GOLDEN = 0x9E3779B97F4A7C15


class Draws:
    """Numbers for the rows of one epoch, or of one step.

    Args:
        seed: of the run.
        time: which pass over the rows, or which step.
        rows: `[N]` row numbers.
    """

    def __init__(self, seed: int, time: int, rows: npt.NDArray[np.int64]) -> None:
        start = _mix(np.array([seed], np.uint64))
        start = _mix(start ^ _mix(np.array([time], np.uint64) + np.uint64(1)))
        self._keys = _mix(start + rows.astype(np.uint64) * np.uint64(_GOLDEN))

    def uniform(self, stream: int, length: int) -> FloatArray:
        """Return `[N, length]` numbers in [0, 1); streams of other numbers are independent."""
        keys = _mix(self._keys ^ np.uint64((stream + 1) * _GOLDEN % 2**64))
        bits = _mix(keys[:, None] + np.arange(1, length + 1, dtype=np.uint64) * np.uint64(_GOLDEN))
        return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = numbers ^ (numbers >> np.uint64(31))
    return mixed
