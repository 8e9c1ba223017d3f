"""The prior of the task's own texts: KPT's contextualised prior (Hu et al. 2022), batch calibration
(Zhou et al. 2024).

The second one takes the batch that is being scored; here both read the same sample, so that a
prediction does not depend on the rows beside it.
"""

from pet_mtl.data.rows import Rows
from pet_mtl.random_streams import CALIBRATION_ROWS

SAMPLE = 512  # rows; the mean of their probabilities hardly moves from there on


def fitting_rows(rows: Rows, seed: int) -> Rows:
    """Return a sample of at most `SAMPLE` rows, in their order."""
    return rows.sample(SAMPLE, CALIBRATION_ROWS.generator(seed))
