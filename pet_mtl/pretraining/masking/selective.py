"""Selective masking: pieces that were marked as important for the task (Train No Evil, Gu et al.
2020)."""

import numpy as np

from pet_mtl.cloze.draws import Draws
from pet_mtl.pretraining.masking.take import BoolArray, take_units
from pet_mtl.pretraining.rows import RowBatch


def selective(batch: RowBatch, draws: Draws, rate: float) -> BoolArray:
    """Choose marked pieces, up to a share of each row's pieces; a row without marks gives none.

    Args:
        rate: the most that is masked, as a share of the pieces that are not special.

    Returns:
        `[N, L]`, True where a piece is to be predicted.
    """
    assert batch.marks is not None, "the rows have no marks"
    return take_units(
        batch.may & (batch.marks > 0), np.ones_like(batch.may), draws, rate * batch.may.sum(1)
    )
