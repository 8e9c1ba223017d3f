"""Text to pieces, the same for every tokenizer family, with no special token ever read out of
text."""

import json
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from pet_mtl.errors import PetMtlError, panics_as_errors

# a tokenizer is shared by all that load its folder, and settings of it are changed before it is
# called
_LOCKS: WeakKeyDictionary[Any, threading.RLock] = WeakKeyDictionary()
_LETTERS = ("Lu", "Ll", "Lo")
# before letters, numbers and spaces; before other signs, accents too, none of which makes another
# letter of `ŋ`
_SIGNS = ("(", "ŋ")
_BLANKS = (" ", "\n", "\r", "\t", "\u00a0", "\u3000")


def _sign_before(text: str) -> str:
    """Return what no byte-level piece shares with the start of a text."""
    return _SIGNS[0] if text[:1].isalnum() or text[:1].isspace() else _SIGNS[1]


class PieceTokenizer:
    """Tokenise the parts of a prompt one by one.

    A prompt is put together from parts (prefix, pattern text, fields, label words), so a part must
    not know where a sentence starts: byte-level tokenizers get the space that stands before a part,
    SentencePiece ones read a part that follows without a space behind a letter that joins nothing,
    which is then taken off. Taking off a word-start mark would not do: where the vocabulary has
    `▁好` beside `好`, the mark is no piece of its own. Byte-level tokenizers that put a space
    before every text, or take it off, read a part behind a sign that no piece shares with it.

    A part begins a piece of its own: where two words of letters meet without a space, tokenizers
    that mark the inside of words (`##d`) would go on with the first one.

    Attributes:
        marks_start: the tokenizer reads the start of a prompt as the start of a word, as if a space
            stood there.
        causal: the model reads from left to right, so label words stand behind the text.
        mask_id: what stands at a slot; where there are no masks, the padding, until the model puts
            the label words there.
        byte_level: a piece is a run of bytes, written as letters, a space among them.
        blanks: what is read as a space: SentencePiece families take line ends for one.

    Raises:
        PetMtlError: the tokenizer has no mask or padding token, and the model needs one.
    """

    def __init__(self, tokenizer: Any, *, causal: bool = False) -> None:
        self.tokenizer, self.causal = tokenizer, causal
        self.mask_id, self.pad_id = _fillers(tokenizer, causal)
        self._backend = getattr(tokenizer, "backend_tokenizer", None)
        self.unk_id = _unknown_id(tokenizer, self._backend)
        self.vocab_size: int = len(tokenizer)
        self._special_ids = np.array(
            sorted(set(tokenizer.all_special_ids) - {self.unk_id}), dtype=np.int64
        )
        _LOCKS.setdefault(tokenizer, threading.RLock())
        if self._backend is not None:
            with _LOCKS[tokenizer]:
                self._backend.no_truncation()
                self._backend.no_padding()
        letter, after_space = self._encode(["a"])[0], self._encode([" a"])[0]
        first_piece = tokenizer.convert_ids_to_tokens(letter[0]) if letter else ""
        self._metaspace = first_piece.startswith("▁")
        behind, apart = self._encode(["(a", "( a"])
        self.byte_level: bool = any(
            "Ġ" in piece for piece in tokenizer.convert_ids_to_tokens(apart)
        )
        # `add_prefix_space`, or a normaliser that strips: a text alone never shows its space
        self._hides_space = self.byte_level and letter == after_space and behind != apart
        self.space_matters: bool = self._metaspace or letter != after_space or self._hides_space
        self.marks_start: bool = self._metaspace or (
            self._hides_space and first_piece.startswith("Ġ")
        )
        self._signs = {sign: self._encode([sign])[0] for sign in _SIGNS if self._hides_space}
        self.start_ids, self.end_ids = self._frame()
        if causal:  # nothing stands behind the label word
            self.end_ids = []
        self._joint, self._joint_ids = self._find_joint() if self._metaspace else ("", [])
        apart, *others = self._encode([f"a{blank}a" for blank in _BLANKS])
        self.blanks: tuple[str, ...] = _BLANKS[:1]
        if self._metaspace:
            alike = (blank for blank, ids in zip(_BLANKS[1:], others, strict=True) if ids == apart)
            self.blanks += tuple(alike)

    def _find_joint(self) -> tuple[str, list[int]]:
        """Return a letter that no piece holds before another character, and its pieces; `""` if
        there is none."""
        vocabulary = self.tokenizer.get_vocab()
        inside = {character for piece in vocabulary for character in piece[:-1]}
        letters = sorted(
            piece
            for piece in vocabulary
            if len(piece) == 1 and unicodedata.category(piece) in _LETTERS
        )
        for letter in letters:
            if letter in inside:
                continue
            (ids,) = self._encode([letter])
            if self.tokenizer.convert_ids_to_tokens(ids) in ([f"▁{letter}"], ["▁", letter]):
                # a tokenizer that marks each part of a text would do so behind the letter, too
                behind = self._encode([f"{letter}a"])[0][len(ids) :]
                if behind and not self.tokenizer.convert_ids_to_tokens(behind[0]).startswith("▁"):
                    return letter, ids
        return "", []

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        with _LOCKS[self.tokenizer], reading(self.tokenizer):
            if self._backend is not None:
                # "[MASK]" in text stays text; any call of `tokenizer` resets it
                self._backend.encode_special_tokens = True
                encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
                return [encoding.ids for encoding in encodings]
            output = self.tokenizer(
                list(texts), add_special_tokens=False, split_special_tokens=True
            )
            ids: list[list[int]] = output["input_ids"]
            return ids

    def _frame(self) -> tuple[list[int], list[int]]:
        """Return the special ids before and after a sentence, `[CLS]` and `[SEP]` for BERT."""
        bare = self._encode(["a"])[0]
        framed = _framed(self.tokenizer)
        for start in range(len(framed) - len(bare) + 1):
            if framed[start : start + len(bare)] == bare:
                return framed[:start], framed[start + len(bare) :]
        return [], []

    def encode(self, texts: Sequence[str], *, space_before: bool = False) -> list[list[int]]:
        """Return the pieces of each text, special ids in it replaced by the unknown piece.

        Args:
            texts: parts of prompts.
            space_before: a space stands between the part before and this one.
        """
        if self.space_matters and not self._metaspace and space_before:
            texts = [f" {text}" for text in texts]
        if self._hides_space:
            encoded = self._encode_behind_signs(texts)
        elif space_before or not self._metaspace:
            encoded = self._encode(texts)
        else:
            encoded = self._encode_joined(texts)
        special = set(self._special_ids.tolist())
        return [
            ids
            if special.isdisjoint(ids)
            else [self.harmless_id if i in special else i for i in ids]
            for ids in encoded
        ]

    def encode_placed(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Return the pieces of whole texts, and for each the characters `[start, end)` that it was
        read from.

        Raises:
            PetMtlError: the tokenizer does not tell.
        """
        if self._backend is None:
            raise PetMtlError(
                f"the tokenizer of `{self.tokenizer.name_or_path}` does not tell where its pieces "
                "stand",
                hint="choose a model whose folder has a `tokenizer.json`",
            )
        with _LOCKS[self.tokenizer], reading(self.tokenizer):
            self._backend.encode_special_tokens = True
            encodings = self._backend.encode_batch(list(texts), add_special_tokens=False)
        return [(encoding.ids, encoding.offsets) for encoding in encodings]

    def _encode_behind_signs(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the byte-level pieces of texts that begin with the space before them, if any."""
        signs = [_sign_before(text) for text in texts]
        found = self._encode([sign + text for sign, text in zip(signs, texts, strict=True)])
        return [ids[len(self._signs[sign]) :] for sign, ids in zip(signs, found, strict=True)]

    def _encode_joined(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the pieces of texts that follow without a space."""
        size = len(self._joint_ids)
        mark = self.tokenizer.convert_tokens_to_ids("▁")
        joined = self._encode([f"{self._joint}{text}" for text in texts])
        if size and (odd := [i for i, ids in enumerate(joined) if ids[:size] != self._joint_ids]):
            # the text's first character joins the letter after all, such as an accent
            for i, ids in zip(odd, self._encode([texts[i] for i in odd]), strict=True):
                joined[i] = [*self._joint_ids, *ids[ids[:1] == [mark] :]]
        if size:
            return [ids[size:] for ids in joined]
        return [ids[1:] if ids and ids[0] == mark else ids for ids in joined]

    def writes(self, text: str, ids: Sequence[int]) -> bool:
        """Return whether the pieces of a text stand for all of its characters.

        Args:
            ids: what `encode` made of it.
        """
        return bool(ids) and self.unk_id not in ids and not self._drops(text, ids)

    def _drops(self, text: str, ids: Sequence[int]) -> bool:
        """Return whether characters were left out without a sign, as byte pairs that know no
        unknown piece do with what their vocabulary lacks."""
        if self._backend is None:
            return False
        pieces: Any = self._backend.model
        if type(pieces).__name__ != "BPE" or pieces.unk_token is not None or pieces.byte_fallback:
            return False
        if not self._backend.get_added_tokens_decoder().keys().isdisjoint(ids):
            return False  # it is no piece of the model, and may hold any character
        normalizer, split = self._backend.normalizer, self._backend.pre_tokenizer
        plain = text if normalizer is None else normalizer.normalize_str(text)
        parts = [plain] if split is None else [part for part, _ in split.pre_tokenize_str(plain)]
        if pieces.ignore_merges:  # a whole part of the vocabulary needs none of its letters
            parts = [part for part in parts if pieces.token_to_id(part) is None]
        inside, end = pieces.continuing_subword_prefix or "", pieces.end_of_word_suffix or ""
        return any(
            pieces.token_to_id(inside * (at > 0) + letter + end * (at == len(part) - 1)) is None
            for part in parts
            for at, letter in enumerate(part)
            if not letter.isspace()
        )

    @property
    def begin_id(self) -> int:
        """What a text may begin with where nothing else stands before it."""
        known = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.pad_id)
        return int(next(token for token in known if token is not None))

    @property
    def slot_text(self) -> str:
        """How a slot reads."""
        return "…" if self.causal else self.piece_texts([self.mask_id])[0]

    @property
    def special_ids(self) -> list[int]:
        """The ids that no text may have."""
        return list(map(int, self._special_ids))

    @property
    def harmless_id(self) -> int:
        """What stands in for a special id that a tokenizer model read out of user text."""
        return self.unk_id if self.unk_id is not None else self.pad_id

    def lead(self, *, space_before: bool) -> dict[str, Any]:
        """Return in plain values how `encode` reads a part: behind the text `lead`, whose pieces
        `lead_ids` are then taken off; where they are not there, `mark` is, if it comes first. A
        text that begins with neither letter, number nor space stands behind `marks_lead` instead,
        where there is one."""
        if self._hides_space:
            space = " " if space_before else ""
            (before_letters, ids), (before_marks, other_ids) = self._signs.items()
            return {
                "lead": f"{before_letters}{space}",
                "lead_ids": ids,
                "mark": None,
                "marks_lead": before_marks if not space else f"{before_letters}{space}",
                "marks_lead_ids": other_ids if not space else ids,
            }
        if not self._metaspace or space_before:
            shown = " " if self.space_matters and not self._metaspace and space_before else ""
            return {"lead": shown, "lead_ids": [], "mark": None}
        mark = self.tokenizer.convert_tokens_to_ids("▁")
        return {"lead": self._joint, "lead_ids": self._joint_ids, "mark": mark}

    def piece_texts(self, ids: Sequence[int]) -> list[str]:
        """Return how pieces read, without the marks of their tokenizer family."""
        # beyond the vocabulary are learned pieces; a damaged one may have no piece for an id
        pieces = [
            (self.tokenizer.convert_ids_to_tokens(int(i)) or "\ufffd")
            if i < self.vocab_size
            else "●"
            for i in ids
        ]
        if self.byte_level:
            return [
                self.tokenizer.convert_tokens_to_string([piece]).strip() or "␣" for piece in pieces
            ]
        return [piece.removeprefix("##").removeprefix("▁") or "␣" for piece in pieces]


@contextmanager
def reading(tokenizer: Any) -> Iterator[None]:
    """Raise an error where the library gives up on a text that is read inside.

    Raises:
        PetMtlError: it does; the tokenizer's files are damaged, or it knows no unknown piece.
    """
    message, where = "the tokenizer cannot read a text", str(tokenizer.name_or_path)
    try:
        with panics_as_errors(message, where=where, hint="copy the model folder again"):
            yield
    except Exception as error:
        if type(error) is not Exception:  # tokenizers raises bare ones
            raise
        raise PetMtlError(
            f"{message}: {error}",
            where=where,
            hint="it holds characters that the vocabulary lacks, and `tokenizer.json` names no "
            "piece for such: name one there, or choose another model",
        ) from error


def _unknown_id(tokenizer: Any, backend: Any) -> int | None:
    """Return the piece that stands for what the vocabulary lacks, None where there is none; that of
    `tokenizer.json` where the configuration beside it names none."""
    named: int | None = tokenizer.unk_token_id
    if named is not None or backend is None:
        return named
    piece = getattr(backend.model, "unk_token", None)
    if piece is None:
        named = json.loads(backend.to_str())["model"].get("unk_id")  # not shown otherwise
    else:
        named = backend.token_to_id(piece)
    return named


def largest_id(tokenizer: Any) -> int:
    """Return the largest id that a tokenizer gives: of a piece, of a special token, of what it puts
    around a text."""
    special: list[int] = tokenizer.all_special_ids
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return max(0, *vocabulary.values(), *special, *_framed(tokenizer))


def _framed(tokenizer: Any) -> list[int]:
    """Return the ids of a text with the special ids around it."""
    with _LOCKS.setdefault(tokenizer, threading.RLock()), reading(tokenizer):
        ids: list[int] = tokenizer("a")["input_ids"]
        return ids


def _fillers(tokenizer: Any, causal: bool) -> tuple[int, int]:
    """Return what stands at slots and behind the end of shorter prompts. A causal model never sees
    the latter, so any piece will do."""
    known = {name: getattr(tokenizer, f"{name}_token_id") for name in ("mask", "pad", "eos")}
    if causal:
        filler = next((known[name] for name in ("pad", "eos") if known[name] is not None), 0)
        return filler, filler
    for name in ("mask", "pad"):
        if known[name] is None:
            raise PetMtlError(
                f"the tokenizer of `{tokenizer.name_or_path}` has no {name} token",
                hint="choose a masked language model (BERT, RoBERTa, ModernBERT, …)",
            )
    if known["mask"] == tokenizer.unk_token_id:
        raise PetMtlError(
            f"the mask token of `{tokenizer.name_or_path}` stands for unknown characters too",
            hint="`mask_token` in `tokenizer_config.json` is no piece; copy the folder again",
        )
    return known["mask"], known["pad"]
