"""Prototypical verbalizer: labels are points in a small space (after ProtoVerb, Cui et al. 2022).

The label loss over scaled cosines is ProtoVerb's InfoNCE between instances and prototypes; its
instance–instance part and its average with the manual verbalizer are left out.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.model.mlm_head import MlmHead
from pet_mtl.model.verbalizers.label_rows import label_rows
from pet_mtl.model.verbalizers.reader import LabelReader, Reading, flat_states

_SCALE = 10.0  # one over the temperature, at the start


class Prototypical(LabelReader):
    """Score a label by scale · cos(projected states, prototype).

    Args:
        head: the MLM head; the prototypes start as the projected decoder rows of the label words.
        words: of each of the task's forms, all of one length in a form.
        size: `D`, numbers of a prototype.

    Attributes:
        projection: `[D, M * E]`; random at the start, which nearly keeps angles.
        prototypes: `[K, D]`.
        log_scale: `[1]`.
    """

    def __init__(self, head: MlmHead, words: Sequence[LabelWords], size: int) -> None:
        super().__init__()
        rows = label_rows(head, max(words, key=lambda form: form.lengths))[0]
        self.masks = rows.shape[1]
        rows = rows.flatten(1)
        self.projection = nn.Parameter(torch.randn(size, rows.shape[1]) / math.sqrt(rows.shape[1]))
        centred = rows - rows.mean(0)  # what all labels have in common tells nothing
        self.prototypes = nn.Parameter(normalize(linear(centred, self.projection.detach()), dim=-1))
        self.log_scale = nn.Parameter(torch.full((1,), math.log(_SCALE)))

    def forward(self, reading: Reading) -> Tensor:
        # little to compute: full precision costs nothing
        with torch.autocast(self.projection.device.type, enabled=False):
            states = normalize(linear(flat_states(reading, self.masks), self.projection), dim=-1)
            return linear(states, normalize(self.prototypes, dim=-1)) * self.log_scale.exp()
