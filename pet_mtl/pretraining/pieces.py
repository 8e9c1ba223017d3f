"""Texts to arrays of pieces, with the places where words begin."""

import hashlib
import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.chinese_words import WordCutter, is_han
from pet_mtl.cloze.tokenizer import PieceTokenizer, reading
from pet_mtl.errors import PetMtlError

IntArray = npt.NDArray[np.integer]
ByteArray = npt.NDArray[np.uint8]


class PieceEncoder:
    """Tokenise whole texts; a special token written in a text becomes the unknown piece.

    Args:
        tokenizer: the model's.
        cutter: finds words; None where nobody asks for them.

    Raises:
        PetMtlError: words are asked of a tokenizer that does not say where its pieces stand.
    """

    def __init__(self, tokenizer: PieceTokenizer, cutter: WordCutter | None = None) -> None:
        self.tokenizer = tokenizer
        self.cutter = cutter
        self.dtype: type[np.integer] = (
            np.uint16 if tokenizer.vocab_size <= np.iinfo(np.uint16).max else np.int32
        )
        self._backend: Any = getattr(tokenizer.tokenizer, "backend_tokenizer", None)
        if cutter is not None and self._backend is None:
            raise PetMtlError(
                f"the tokenizer of `{tokenizer.tokenizer.name_or_path}` does not say where its "
                "pieces stand",
                hint=(
                    "choose another masking than `whole-word`, or a model with a fast tokenizer "
                    "(tokenizer.json)"
                ),
            )
        self._harmless: IntArray = np.arange(tokenizer.vocab_size).astype(self.dtype)
        self._harmless[tokenizer.special_ids] = tokenizer.harmless_id

    def __call__(
        self, texts: Sequence[str]
    ) -> tuple[npt.NDArray[np.int64], IntArray, ByteArray | None]:
        """Return the number of pieces of each text, all pieces, and for each whether a word begins
        with it."""
        if self._backend is None:
            ids = self.tokenizer.encode(texts)
            lengths = np.fromiter(map(len, ids), np.int64, len(ids))
            flat = np.fromiter(chain.from_iterable(ids), np.int64, int(lengths.sum()))
            return lengths, self._harmless[flat], None
        backend = self._backend
        backend.encode_special_tokens = True  # "[MASK]" stays text; any other call resets it
        encode = backend.encode_batch_fast if self.cutter is None else backend.encode_batch
        with reading(self.tokenizer.tokenizer):
            encodings = encode(list(texts), add_special_tokens=False)
        lengths = np.fromiter(map(len, encodings), np.int64, len(encodings))
        total = int(lengths.sum())
        ids_of_all = np.fromiter(chain.from_iterable(e.ids for e in encodings), np.int64, total)
        words = (
            self._words(texts, encodings, lengths, total)
            if self.cutter is not None and total
            else None
        )
        return lengths, self._harmless[ids_of_all], words

    def _words(
        self,
        texts: Sequence[str],
        encodings: Sequence[Any],
        lengths: npt.NDArray[np.int64],
        total: int,
    ) -> ByteArray:
        """Chinese: where the cutter says. Else: the first piece of what the tokenizer splits at
        spaces and the like."""
        assert self.cutter is not None
        pairs = chain.from_iterable(chain.from_iterable(e.offsets for e in encodings))
        starts = np.fromiter(pairs, np.int64, 2 * total)[::2]
        word_ids = np.fromiter(
            (-1 if w is None else w for e in encodings for w in e.word_ids), np.int64, total
        )
        widths = np.fromiter(map(len, texts), np.int64, len(texts))
        at = starts + np.repeat(np.cumsum(widths) - widths, lengths)
        firsts = np.zeros(total, bool)
        firsts[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
        at = np.minimum(at, int(widths.sum()) - 1)
        moved = np.concatenate([[True], (at[1:] != at[:-1])])
        other_word = np.concatenate([[True], word_ids[1:] != word_ids[:-1]])
        begins = (
            np.where(is_han(texts)[at], self.cutter.begins(texts)[at] & moved, other_word) | firsts
        )
        return begins.astype(np.uint8)


def tokenizer_digest(tokenizer: PieceTokenizer) -> str:
    """Return a digest of all that decides how text becomes pieces."""
    backend = getattr(tokenizer.tokenizer, "backend_tokenizer", None)
    if backend is not None:
        text = backend.to_str()
    else:
        text = json.dumps(
            [type(tokenizer.tokenizer).__name__, sorted(tokenizer.tokenizer.get_vocab().items())]
        )
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
