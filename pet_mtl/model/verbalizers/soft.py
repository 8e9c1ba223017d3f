"""Soft verbalizer: a learned vector for each label in place of decoder rows (WARP, Hambardzumyan et
al. 2021)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.model.mlm_head import MlmHead
from pet_mtl.model.verbalizers.label_rows import label_rows
from pet_mtl.model.verbalizers.reader import LabelReader, Reading, flat_states


class Soft(LabelReader):
    """Score a label by the mean over the slots of state · row, plus a bias; rows start as those of
    its words.

    At the start the scores are those of a manual verbalizer with `slots: shared`.

    Args:
        head: the MLM head, whose decoder stays as it is.
        words: of each of the task's forms, all of one length in a form.

    Attributes:
        rows: `[K, M, E]`.
        bias: `[K]`.
    """

    def __init__(self, head: MlmHead, words: Sequence[LabelWords]) -> None:
        super().__init__()
        rows, biases = label_rows(head, max(words, key=lambda form: form.lengths))
        self.rows, self.bias = nn.Parameter(rows), nn.Parameter(biases.mean(-1))

    def forward(self, reading: Reading) -> Tensor:
        (length,) = reading.table.pieces
        # little to compute: full precision costs nothing
        with torch.autocast(self.rows.device.type, enabled=False):
            products = linear(flat_states(reading, self.rows.shape[1]), self.rows.flatten(1))
        return products / length + self.bias
