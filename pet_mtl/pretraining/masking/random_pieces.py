"""Random pieces: each piece by itself (BERT, Devlin et al. 2019)."""

import numpy as np

from pet_mtl.cloze.draws import Draws
from pet_mtl.pretraining.masking.take import BoolArray, take_units
from pet_mtl.pretraining.rows import RowBatch


def random_pieces(batch: RowBatch, draws: Draws, rate: float) -> BoolArray:
    """Choose a share of each row's pieces.

    Args:
        rate: share of the pieces that are not special; each row has `rate * pieces`, rounded up or
            down at random.

    Returns:
        `[N, L]`, True where a piece is to be predicted.
    """
    return take_units(batch.may, np.ones_like(batch.may), draws, rate * batch.may.sum(1))
