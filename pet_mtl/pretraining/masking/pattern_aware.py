"""Pattern-aware masking: the gold label words in a suite's prompts, and pieces of the texts around
them.

As the FewCLUE runner-up did it: further pre-training on texts already wrapped in several patterns.
"""

import numpy as np

from pet_mtl.cloze.draws import Draws
from pet_mtl.pretraining.masking.take import BoolArray, take_units
from pet_mtl.pretraining.rows import LABEL_WORD, TEXT, RowBatch


def pattern_aware(batch: RowBatch, draws: Draws, rate: float) -> BoolArray:
    """Choose all pieces of the label word and a share of the text's; prefix and pattern are never
    chosen.

    Args:
        rate: share of the text's pieces; 0 masks the label words only.

    Returns:
        `[N, L]`, True where a piece is to be predicted.
    """
    assert batch.marks is not None, "the rows are no prompts"
    text = batch.may & (batch.marks == TEXT)
    chosen = take_units(text, np.ones_like(text), draws, rate * text.sum(1))
    words: BoolArray = batch.may & (batch.marks == LABEL_WORD)
    return chosen | words
