"""Was the order of the text changed? A binary task on the states at the slots (word order, as in
StructBERT, Wang et al. 2020, and sentence order, as in ALBERT, Lan et al. 2020)."""

from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.encode import Prompts
from pet_mtl.objectives.altered import Altered, altered, masks_of, shortest_prompts, text_fields
from pet_mtl.objectives.terms.targets import mean_by_item
from pet_mtl.objectives.terms.term import Facts, Piece, PieceTerm, Want
from pet_mtl.suite.losses import ShuffleSettings


class Shuffle(nn.Module, PieceTerm):
    """weight · the binary cross-entropy of whether a row's text stands in another order.

    A share of the rows is read once more with each field cut in two at a random place and its parts
    exchanged; the others are judged by the states that they have anyway.

    Args:
        share: of the rows that are changed.
        size: `H`.
    """

    wants: ClassVar[frozenset[Want]] = frozenset({"slots", "altered", "unlabelled"})

    def __init__(self, weight: float, share: float, size: int, learning_rate: float) -> None:
        super().__init__()
        self._weight, self._share, self.learning_rate = weight, share, learning_rate
        self.layer = nn.Linear(size, 1)

    def prepare(self, prompts: Prompts, batch: Batch, draws: Draws) -> Altered:
        rows = shortest_prompts(batch)
        fields = text_fields(prompts, batch, rows)
        ids = batch.input_ids.numpy()[rows]
        length = ids.shape[1]
        place = np.arange(length)
        source = np.broadcast_to(place, ids.shape).copy()
        for number in range(1, int(fields.max(initial=0)) + 1):
            inside = fields == number
            count, start = inside.sum(1)[:, None], inside.argmax(1)[:, None]
            drawn = draws.uniform(number, 1)
            cut = 1 + np.floor(drawn * (count - 1)).astype(np.int64)
            turned = start + (place - start + cut) % np.maximum(count, 1)
            source = np.where(inside, turned, source)
        changed = np.take_along_axis(ids, source, 1)
        chosen = (draws.uniform(0, 1)[:, 0] < self._share) & (changed != ids).any(1)
        slots = np.zeros(ids.shape, bool)
        masks = masks_of(batch, rows)
        wide = batch.slots.shape[1]
        at = batch.slots.numpy()[rows]
        real = np.arange(wide) < masks[:, None]
        slots[np.nonzero(real)[0], at[real]] = True
        return altered(batch, rows, changed, slots, np.zeros_like(ids), chosen)

    def piece_losses(self, piece: Piece) -> Tensor:
        turned = piece.altered
        assert turned is not None
        states = piece.by_item([rows.state for rows in piece.rows])
        wanted = torch.zeros_like(states[:, 0]).index_fill(0, turned.items, 1.0)
        if len(turned.items):
            hidden = piece.read.hidden(turned.batch).float().flatten(0, 1)[turned.at]
            states = torch.where(wanted[:, None] > 0, mean_by_item(hidden, turned), states)
        logits = self.layer(states)[:, 0]
        return self._weight * F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")


def build(settings: ShuffleSettings, facts: Facts) -> Shuffle | None:
    """Return the term, None where it changes nothing."""
    if not settings.weight:
        return None
    return Shuffle(settings.weight, settings.share, facts.size, settings.learning_rate)
