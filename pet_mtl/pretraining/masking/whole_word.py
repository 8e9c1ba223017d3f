"""Whole words: all pieces of a word together, words as jieba's dictionary cuts them (BERT-wwm, Cui
et al. 2021)."""

from pet_mtl.cloze.draws import Draws
from pet_mtl.pretraining.masking.take import BoolArray, take_units
from pet_mtl.pretraining.rows import RowBatch


def whole_word(batch: RowBatch, draws: Draws, rate: float) -> BoolArray:
    """Choose whole words that together hold a share of each row's pieces.

    A word that the end of a row cuts counts with the pieces that the row holds.

    Args:
        rate: share of the pieces that are not special.

    Returns:
        `[N, L]`, True where a piece is to be predicted.
    """
    assert batch.words is not None, "the rows were cached without words"
    # what may not be masked parts units: a word never goes on behind it
    starts = batch.words | ~batch.may
    starts[:, 1:] |= ~batch.may[:, :-1]
    return take_units(batch.may, starts, draws, rate * batch.may.sum(1))
