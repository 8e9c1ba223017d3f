"""Weighted label words: a label's score is its words' mean by learned weights (KPT, Hu et al.
2022)."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.model.verbalizers.reader import LabelReader, Reading
from pet_mtl.model.word_scores import word_scores


class Weighted(LabelReader):
    """Weigh a label's words by a softmax of learned numbers; all equal at the start, as
    `aggregation: mean` has them.

    Args:
        words: of each of the task's forms.
    """

    def __init__(self, words: Sequence[LabelWords]) -> None:
        super().__init__()
        most = max(max(Counter(form.labels).values()) for form in words)
        self.weights = nn.Parameter(torch.zeros(words[0].num_labels, most))

    def forward(self, reading: Reading) -> Tensor:
        table = reading.table
        scores = word_scores(
            table, reading.logits, None if table.at_one_place else reading.normalizer
        )
        weights = self.weights[:, : table.is_word.shape[1]]
        weights = weights.masked_fill(~table.is_word, float("-inf"))
        # ones at the start: exactly the mean
        weights = (weights - weights.detach().amax(-1, keepdim=True)).exp()
        return (scores[:, table.words_of_label] * weights).sum(-1) / weights.sum(-1)
