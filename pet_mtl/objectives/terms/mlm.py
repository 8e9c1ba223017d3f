"""Masked language modelling beside the labels, on the rows' own text or on unlabelled rows (PET,
Schick and Schütze 2021)."""

from typing import ClassVar

import numpy as np
from torch import Tensor

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.corrupt import corrupt
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.encode import Prompts
from pet_mtl.objectives.altered import Altered, altered, choose_share, shortest_prompts, text_fields
from pet_mtl.objectives.terms.targets import mean_by_item, sum_by_item, target_log_probs
from pet_mtl.objectives.terms.term import Facts, Piece, PieceTerm, Text, Want
from pet_mtl.suite.losses import MlmBalance, MlmSettings


class MaskedLm(PieceTerm):
    """The cross-entropy of masked pieces of a row's text, in a pass of its own.

    Args:
        alpha: with the balance `alpha`, (1 - α) · label loss + α · the mean over a row's masked
            pieces (PET).
        balance: `positions`: each masked piece counts as much as a row's label, as where one
            cross-entropy is taken over slots and masked pieces together; `alternating`: an
            optimizer step of its own after each on the labels.
        rate: share of the pieces of a text that are to be predicted: 80 % masks, 10 % other pieces,
            10 % as they are (BERT, Devlin et al. 2019).
        facts: of the vocabulary.
        texts: which rows it acts on.
    """

    wants: ClassVar[frozenset[Want]] = frozenset({"altered", "unlabelled"})

    def __init__(
        self,
        alpha: float,
        balance: MlmBalance,
        rate: float,
        facts: Facts,
        texts: frozenset[Text] = frozenset({"labelled"}),
    ) -> None:
        self.texts, self.apart = texts, balance == "alternating"
        self.label_share = 1 - alpha if balance == "alpha" else 1.0
        self._weight = alpha if balance == "alpha" else 1.0
        self._by_position, self._rate = balance == "positions", rate
        self._mask_id, self._pieces = facts.mask_id, facts.pieces

    def prepare(self, prompts: Prompts, batch: Batch, draws: Draws) -> Altered:
        rows = shortest_prompts(batch)
        ids = batch.input_ids.numpy()[rows]
        may = (text_fields(prompts, batch, rows) > 0) & np.isin(ids, self._pieces)
        chosen = choose_share(may, draws, self._rate)
        changed = corrupt(ids, chosen, draws, mask_id=self._mask_id, replacements=self._pieces)
        return altered(batch, rows, changed, chosen, ids)

    def piece_losses(self, piece: Piece) -> Tensor:
        masked = piece.altered
        assert masked is not None
        losses = -target_log_probs(piece.read, masked)
        gather = sum_by_item if self._by_position else mean_by_item
        return self._weight * gather(losses, masked)


def build(settings: MlmSettings, facts: Facts) -> MaskedLm | None:
    """Return the term, None where it changes nothing."""
    if settings.balance == "alpha" and not settings.alpha:
        return None
    both: tuple[Text, Text] = ("labelled", "unlabelled")
    texts = frozenset(both if settings.text == "both" else (settings.text,))
    return MaskedLm(settings.alpha, settings.balance, settings.rate, facts, texts)
