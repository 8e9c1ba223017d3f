"""Predict which pieces a row's text holds, and how often, from the state at its slots (an auxiliary
task in the spirit of bag-of-words losses, Zhao et al. 2017)."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.encode import Prompts
from pet_mtl.objectives.altered import Altered, altered, shortest_prompts, text_fields
from pet_mtl.objectives.terms.targets import sum_by_item
from pet_mtl.objectives.terms.term import Facts, Piece, PieceTerm, Want
from pet_mtl.suite.losses import WordFrequencySettings


class WordFrequency(nn.Module, PieceTerm):
    """weight · KL(p‖q), p being the shares of the pieces in a row's text, q what the model says.

    q comes from the mean state at the row's slots, through a dense layer of its own and the model's
    MLM head, over the whole vocabulary.

    Args:
        size: `H`.
    """

    wants: ClassVar[frozenset[Want]] = frozenset({"slots", "unlabelled"})

    def __init__(self, weight: float, size: int, learning_rate: float) -> None:
        super().__init__()
        self._weight, self.learning_rate = weight, learning_rate
        self.layer = nn.Linear(size, size)

    def prepare(self, prompts: Prompts, batch: Batch, draws: Draws) -> Altered:
        rows = shortest_prompts(batch)
        ids = batch.input_ids.numpy()[rows]
        return altered(batch, rows, ids, text_fields(prompts, batch, rows) > 0, ids)

    def piece_losses(self, piece: Piece) -> Tensor:
        text = piece.altered
        assert text is not None
        states = self.layer(piece.by_item([rows.state for rows in piece.rows]))
        log_q = piece.read.logits(piece.read.head(piece.batch, states)).log_softmax(1)  # [B, V]
        ids = text.targets.clamp(min=0)
        keys = torch.where(text.targets >= 0, text.owner * log_q.shape[1] + ids, -1)
        _, which, counts = torch.unique(keys, return_inverse=True, return_counts=True)
        of_place = log_q[text.owner, ids]  # [T]
        sizes = sum_by_item(torch.ones_like(of_place), text)  # [B] pieces of a text
        # Σ_v p_v (log p_v - log q_v), the sum over the places of the text, each 1 / n
        log_p = counts[which].to(log_q.dtype).log() - sizes[text.owner].clamp(min=1).log()
        return self._weight * sum_by_item(log_p - of_place, text) / sizes.clamp(min=1)


def build(settings: WordFrequencySettings, facts: Facts) -> WordFrequency | None:
    """Return the term, None where it changes nothing."""
    if not settings.weight:
        return None
    return WordFrequency(settings.weight, facts.size, settings.learning_rate)
