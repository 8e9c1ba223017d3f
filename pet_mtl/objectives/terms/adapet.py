"""ADAPET's two losses: labels told from all of the vocabulary, and text told by its label (Tam et
al. 2021)."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.encode import Prompts
from pet_mtl.objectives.altered import Altered, IdArray, altered, choose_share, text_fields
from pet_mtl.objectives.terms.targets import mean_by_item, target_log_probs
from pet_mtl.objectives.terms.term import Facts, Piece, PieceTerm, TaskScores, Want
from pet_mtl.suite.kind import KindSpec
from pet_mtl.suite.losses import AdapetSettings

_SURE = -1e-6  # log q is at most this: log(1 - q) is a number
_SHOWN, _OTHER = 10, 11  # streams of the draws


class Adapet(PieceTerm):
    """Decoupled label loss + label-conditioned masked language model, in the place of the label
    loss.

    Decoupled: Σ_y BCE(q(y), 1[y = y*]), q(y) being the probability of y's words at the slots over
    the whole vocabulary. Conditioned: the text with some pieces masked stands in the pattern with a
    label's main word written in; the masked pieces are to be likely where it is the row's own
    label, BCE(q(x), 1), and unlikely where it is another, BCE(q(x), 0), the mean over the pieces.

    Args:
        settings: see `AdapetSettings`.
        facts: of the forms and the vocabulary.
    """

    wants: ClassVar[frozenset[Want]] = frozenset({"vocabulary", "altered"})

    def __init__(self, settings: AdapetSettings, facts: Facts) -> None:
        self.label_share = settings.label_share
        self._settings, self._mask_id, self._pieces = settings, facts.mask_id, facts.pieces
        # for each form the first word of each label
        self._words = [
            [words.pieces[words.labels.index(label)] for label in range(words.num_labels)]
            for words in facts.words
        ]

    def acts_on(self, kind: KindSpec) -> bool:
        return self._settings.acts_on(kind)

    def prepare(self, prompts: Prompts, batch: Batch, draws: Draws) -> Altered | None:
        if not self._settings.conditioned:
            return None
        acts = np.array([self.acts_on(form.kind) for form in prompts.forms])
        labels = prompts.label[batch.items].astype(np.int64)
        labels[~acts[prompts.form[batch.items]]] = -1
        counts = np.array([len(self._words[form]) for form in prompts.form[batch.items]])
        shown = self._shown(labels, counts, draws)
        rows, words = np.zeros(len(labels), np.int64), [tuple[int, ...]()] * len(labels)
        for group in batch.groups:
            for member, item in enumerate(group.items.tolist()):
                words[item] = self._words[group.form][shown[item]]
                rows[item] = int(group.prompts[len(words[item])][member])
        ids = batch.input_ids.numpy()[rows]
        may = (text_fields(prompts, batch, rows) > 0) & np.isin(ids, self._pieces)
        chosen = choose_share(may, draws, self._settings.rate)
        changed, slots = np.where(chosen, self._mask_id, ids), batch.slots.numpy()[rows]
        for item, word in enumerate(words):
            changed[item, slots[item, : len(word)]] = word
        return altered(batch, rows, changed, chosen, ids, labels >= 0, shown == labels)

    def _shown(self, labels: IdArray, counts: IdArray, draws: Draws) -> IdArray:
        """Return the label that each item's prompt is given, `[B]`: its own, or any of the others
        of so many in `counts`."""
        own = draws.uniform(_SHOWN, 1)[:, 0] < self._settings.own
        others = np.floor(draws.uniform(_OTHER, 1)[:, 0] * (counts - 1)).astype(np.int64)
        return np.where(own, labels, others + (others >= labels)).clip(0, counts - 1)

    def piece_losses(self, piece: Piece) -> Tensor:
        losses = self._settings.decoupled * piece.by_item([decoupled(rows) for rows in piece.rows])
        masked = piece.altered
        if masked is None or not len(masked.items):
            return losses
        log_q = target_log_probs(piece.read, masked)
        right = masked.marks[masked.owner]
        of_piece = torch.where(right, -log_q, -log_not(log_q))
        return losses + self._settings.conditioned * mean_by_item(of_piece, masked)


def decoupled(rows: TaskScores) -> Tensor:
    """Return Σ_y BCE(q(y), 1[y = y*]) of rows, `[b]`; 0 for rows without a label."""
    assert rows.log_words is not None
    own = torch.zeros_like(rows.log_words, dtype=torch.bool)
    own = own.scatter(1, rows.labels.clamp(min=0)[:, None], True)
    terms = torch.where(own, -rows.log_words, -log_not(rows.log_words))
    return terms.sum(1) * rows.labelled


def log_not(log_q: Tensor) -> Tensor:
    """Return log(1 - q) of log q.

    >>> log_not(torch.tensor([0.25]).log()).exp()
    tensor([0.7500])
    """
    return torch.log(-torch.expm1(log_q.clamp(max=_SURE)))


def build(settings: AdapetSettings, facts: Facts) -> Adapet | None:
    """Return the term, None where it changes nothing."""
    if not settings.decoupled and not settings.conditioned:
        return None
    return Adapet(settings, facts)
