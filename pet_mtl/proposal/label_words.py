"""A word for each label: its name where the tokenizer knows it, else a frequent word of its rows,
as a guess."""

import math
import os.path
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from pet_mtl.audit.stop_words import STOP_WORDS
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.proposal.presets import Preset
from pet_mtl.text import letter_words

MOST_PIECES = 12
MOST_TEXTS = 2000  # of each label
CANDIDATES = 50
_SHORTEST = 3  # letters of a word, as guesses are; two of Hangul
_HANGUL = "\uac00"
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff]")
_HAN = re.compile("[\u4e00-\u9fd5]+")


@dataclass(frozen=True)
class ProposedWord:
    """A label's word, and whether it is a guess for a person to mend.

    Attributes:
        preset: the known set of labels that the word is of, `""` for none.
        meaning: what a code of that set was taken for.
    """

    word: str
    guess: bool
    preset: str = ""
    meaning: str = ""


def propose_words(
    names: Mapping[str, str],
    texts: Mapping[str, Sequence[str]],
    tokenizer: PieceTokenizer,
    *,
    language: str,
    space_before: bool,
    preset: Preset | None = None,
) -> dict[str, ProposedWord]:
    """Choose a word for each label, no two of which are the same pieces.

    Args:
        names: what each label is called, mostly the label itself.
        texts: rows of each label.
        space_before: a space stands before the slot.
        preset: words of a known set of labels; used where the tokenizer knows all of them.
    """
    used: set[tuple[int, ...]] = set()
    chosen: dict[str, ProposedWord] = {}

    def take(candidates: Iterable[str], label: str, guess: bool) -> None:
        for word in candidates:
            pieces = tuple(tokenizer.encode([word], space_before=space_before)[0])
            if _is_known(pieces, tokenizer) and pieces not in used:
                used.add(pieces)
                chosen[label] = ProposedWord(word, guess)
                return

    def sizes(words: Sequence[str]) -> list[int]:
        return [len(ids) for ids in tokenizer.encode(words, space_before=space_before)]

    if preset is not None and _all_known(list(preset.words.values()), tokenizer, space_before):
        told = dict(part.split(" = ") for part in preset.meaning.split(", ") if part)
        for label, word in preset.words.items():
            take([word], label, guess=False)
            meaning = told.get(label, "")
            chosen[label] = replace(chosen[label], preset=preset.name, meaning=meaning)
    for label, word in words_of_names(names).items():
        if label in chosen:
            continue
        small = word.lower()
        # an English name in letters one by one is no word to a Chinese model, and a prompt more for
        # each length
        if word and (language == "en" or not word.isascii() or _in_long_pieces(small, tokenizer)):
            # nouns of German and names have fewer pieces with their capitals
            pieces = dict(zip((small, word), sizes([small, word]), strict=True))
            take(sorted(pieces, key=pieces.__getitem__), label, guess=False)
    if len(chosen) < len(names):
        guesses = _distinctive(texts, language, tokenizer)
        for label in names:
            if label not in chosen:
                take(guesses[label], label, guess=True)
            if label not in chosen:
                take(_any_piece(tokenizer), label, guess=True)
    return {label: chosen[label] for label in names}


def _all_known(words: Sequence[str], tokenizer: PieceTokenizer, space_before: bool) -> bool:
    pieces = [tuple(ids) for ids in tokenizer.encode(words, space_before=space_before)]
    return len(set(pieces)) == len(words) and all(_is_known(ids, tokenizer) for ids in pieces)


def _is_known(pieces: tuple[int, ...], tokenizer: PieceTokenizer) -> bool:
    return 0 < len(pieces) <= MOST_PIECES and tokenizer.unk_id not in pieces


def _in_long_pieces(word: str, tokenizer: PieceTokenizer) -> bool:
    return len(tokenizer.encode([word])[0]) <= len(word) / 2


def words_of_names(names: Mapping[str, str]) -> dict[str, str]:
    """Return each name as a word, empty where it is none: what all names share at the start goes,
    marks become spaces.

    >>> words_of_names({"a": "news_edu", "b": "news_techNews", "c": "news_7"})
    {'a': 'edu', 'b': 'tech News', 'c': ''}
    >>> words_of_names({"1": "1", "体育": "体育", "very bad": "very bad", "C#": "C#"})
    {'1': '', '体育': '体育', 'very bad': 'very bad', 'C#': 'C#'}
    """
    common = os.path.commonprefix(list(names.values()))  # noqa: RUF071 (no paths: characters)
    shared = re.match(r"(.*[_/.:-])?", common)
    start = len(shared[0]) if shared else 0
    return {label: _word(name[start:]) for label, name in names.items()}


def _word(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    spaced = " ".join(re.sub(r"[_/|.:,;，、；\-\s\x00-\x1f\x7f]+", " ", spaced).split())
    is_word = any(map(str.isalpha, spaced)) and (len(spaced) > 1 or not spaced.isascii())
    return spaced if is_word else ""


def _distinctive(
    texts: Mapping[str, Sequence[str]], language: str, tokenizer: PieceTokenizer
) -> dict[str, list[str]]:
    """Return the words that are frequent in a label's rows and rare in the others, the best first.

    Ranked by p(word | label) · log(p(word | label) / p(word)), a label's part of their mutual
    information.
    """
    cut = _chinese_words() if language == "zh" else lambda text: _spaced_words(text, tokenizer)
    counts: dict[str, Counter[str]] = {}
    for label, of_label in texts.items():
        words = (set(cut(text)) - STOP_WORDS for text in of_label[:MOST_TEXTS])
        counts[label] = Counter(word for found in words for word in found)
    # every label counts alike, however many rows it has
    shares = {
        label: {w: n / found.total() for w, n in found.items()} for label, found in counts.items()
    }
    total: defaultdict[str, float] = defaultdict(float)
    for share in shares.values():
        for word, value in share.items():
            total[word] += value
    ranked = {}
    for label, share in shares.items():
        score = {w: p * math.log(p * len(shares) / total[w]) for w, p in share.items()}
        ranked[label] = sorted(score, key=lambda word: (-score[word], word))[:CANDIDATES]
    return ranked


def _spaced_words(text: str, tokenizer: PieceTokenizer) -> list[str]:
    """Return the words of letters in a text in small letters, without very short ones; where a
    script has no spaces between them, the pieces of the vocabulary."""
    words = letter_words(text.lower())
    runs = [word for word in words if _UNSPACED.search(word)]
    pieces = chain.from_iterable(map(tokenizer.piece_texts, tokenizer.encode(runs)))
    found = (piece for piece in pieces if letter_words(piece) == [piece])
    spaced = (word for word in words if not _UNSPACED.search(word))
    return [word for word in chain(spaced, found) if len(word) >= _SHORTEST - (word >= _HANGUL)]


def _chinese_words() -> Callable[[str], list[str]]:
    import numpy as np

    from pet_mtl.cloze.chinese_words import WordCutter

    cutter = WordCutter()

    def cut(text: str) -> list[str]:
        words = []
        for run in _HAN.findall(text):
            begins = [*np.flatnonzero(cutter.begins([run])).tolist(), len(run)]
            words += [run[start:end] for start, end in pairwise(begins) if end - start > 1]
        return words

    return cut


def _any_piece(tokenizer: PieceTokenizer) -> Iterator[str]:
    """Yield words that the tokenizer has as one piece, for labels whose rows hold none."""
    for piece in range(tokenizer.vocab_size):
        (text,) = tokenizer.piece_texts([piece])
        if text.isalpha() and piece != tokenizer.unk_id:
            yield text
