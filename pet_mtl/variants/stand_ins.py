"""Which pieces of a text may be replaced, and which may stand in for them."""

from collections import Counter

import torch
from torch import Tensor

from pet_mtl.cloze.tokenizer import PieceTokenizer

_NONE = -1  # special, punctuation, a part of a character
_MARKS = ("##", "▁", "Ġ")  # inside a word, or where one begins, by the tokenizer's family


class StandIns:
    """The pieces of a vocabulary that may stand in for each other.

    A piece of letters or digits may be replaced by another that goes on or begins a word as it
    does; signs and special pieces stay.
    """

    def __init__(self, tokenizer: PieceTokenizer) -> None:
        ids = range(tokenizer.vocab_size)
        special = {*tokenizer.special_ids, tokenizer.unk_id}
        raw = tokenizer.tokenizer.convert_ids_to_tokens(list(ids))
        self.texts = tokenizer.piece_texts(ids)
        kinds = [
            next((kind for kind, mark in enumerate(_MARKS, 1) if (piece or "").startswith(mark)), 0)
            if text.isalnum() and number not in special
            else _NONE
            for number, piece, text in zip(ids, raw, self.texts, strict=True)
        ]
        number_of = Counter(kinds)  # what is alone in its kind has nothing to stand in for it
        self._kinds = torch.tensor([kind if number_of[kind] > 1 else _NONE for kind in kinds])

    def places(self, text: str, ids: list[int], spans: list[tuple[int, int]]) -> list[int]:
        """Return the pieces of a text that may be replaced: those that read as the characters where
        they stand, so not the parts that a character was cut into.

        Args:
            ids: `n` pieces of the text.
            spans: `n` pairs of characters `[start, end)`.
        """
        return [
            place
            for place, (number, (start, end)) in enumerate(zip(ids, spans, strict=True))
            if self._kinds[number] != _NONE
            and text[start:end].strip().casefold() == self.texts[number].casefold()
        ]

    def only_these(self, logits: Tensor, ids: Tensor) -> Tensor:
        """Return logits `[K, V]` with -inf for what may not stand in for the pieces `ids` `[K]`,
        themselves among it."""
        kinds = self._kinds.to(logits.device)
        logits = logits[:, : len(kinds)].masked_fill(kinds != kinds[ids][:, None], -torch.inf)
        return logits.scatter(1, ids[:, None], -torch.inf)
