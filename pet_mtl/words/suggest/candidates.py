"""Words that could be label words: pieces of the vocabulary, and words of the rows, of any number
of pieces."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from pet_mtl.cloze.chinese_words import FIRST_HAN, LAST_HAN, WordCutter, is_han
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.text import letter_words

LONGEST = 4  # pieces of a word: each number of pieces is one more pass over the rows
MOST_WORDS = 3000  # words of the rows, the most frequent ones
LEAST_ROWS = 2  # a word of one row says nothing about a label
_CHUNK = 4096
_SHORTEST = 3  # letters of a word of a script that is written in them; two of Hangul and kana
_HAN = re.compile(f"[{chr(FIRST_HAN)}-{chr(LAST_HAN)}]")
_LETTER = re.compile(rf"(?!{_HAN.pattern})[^\W\d_]")


def find_candidates(
    rows: Rows,
    own: Sequence[Sequence[str]],
    tokenizer: PieceTokenizer,
    spaces: Sequence[bool],
    longest: int = LONGEST,
) -> tuple[str, ...]:
    """Return candidate words in the scripts of the task's own label words, these first; each once.
    Where these have no letters (numbers, emoji), they are those of the rows.

    Args:
        rows: the fitting part of the training rows.
        own: the label words of each label.
        spaces: for each pattern, whether a space stands before its slot.
        longest: the most pieces of a new word.
    """
    first = dict.fromkeys(word for words in own for word in words)
    scripts = _scripts("".join(first), rows)
    words = [*_vocabulary(tokenizer, scripts, spaces[0]), *_words_of(rows, scripts)]
    kept = [word for word in dict.fromkeys(words) if word not in first]
    return (*first, *_writable(kept, tokenizer, spaces, longest))


def _scripts(own: str, rows: Rows) -> set[str] | None:
    """Return the scripts of label words, None for Chinese; those without a letter are written as
    the rows are."""
    if is_han([own]).any() or _LETTER.search(own):
        return None if is_han([own]).any() else _of_letters(own)
    text = "".join(next(_texts(rows), []))
    chinese = 2 * int(is_han([text]).sum()) > sum(map(str.isalpha, text))
    return None if chinese else _of_letters(text)


def _of_letters(text: str) -> set[str]:
    """Return the scripts of a text's letters."""
    return {_script(letter) for letter in {*_LETTER.findall(text)}}


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """Return what the names of a script's letters begin with.

    >>> _script("é"), _script("한"), _script("Я")
    ('LATIN', 'HANGUL', 'CYRILLIC')
    """
    return unicodedata.name(letter, "").split(" ")[0]


def _vocabulary(
    tokenizer: PieceTokenizer, scripts: set[str] | None, space_before: bool
) -> list[str]:
    """Return the pieces that are words on their own: one Chinese character, or a word of
    letters."""
    texts = tokenizer.piece_texts(range(tokenizer.vocab_size))
    words = [text for text in texts if _is_word(text, scripts)]
    return [
        word
        for word, ids in zip(words, tokenizer.encode(words, space_before=space_before), strict=True)
        if len(ids) == 1
    ]


def _is_word(text: str, scripts: set[str] | None) -> bool:
    if scripts is None:
        return bool(is_han([text]).all())
    return _script(text[0]) in scripts and _letter_words(text, scripts) == [text]


def _letter_words(text: str, scripts: set[str]) -> list[str]:
    """Return the words of a text that are written in the letters of some scripts."""
    return [
        word
        for word in letter_words(_HAN.sub(" ", text))
        if len(word) >= _SHORTEST - (word >= "\u3040") and _script(word[0]) in scripts
    ]


def _words_of(rows: Rows, scripts: set[str] | None) -> list[str]:
    """Return the words of at least `LEAST_ROWS` rows, the most frequent first, of two characters or
    more."""
    counts: Counter[str] = Counter()
    cutter = WordCutter() if scripts is None else None
    for texts in _texts(rows):
        words_of_texts = (
            (_letter_words(text, scripts or set()) for text in texts)
            if cutter is None
            else _cut(cutter, texts)
        )
        for words in words_of_texts:
            # not a set: its order, which decides between words as frequent, is each process's own
            counts.update(list(dict.fromkeys(word for word in words if len(word) > 1)))
    return [word for word, count in counts.most_common(MOST_WORDS) if count >= LEAST_ROWS]


def _texts(rows: Rows) -> Iterator[list[str]]:
    for start in range(0, len(rows), _CHUNK):
        columns = [column.slice(start, _CHUNK).to_pylist() for column in rows.fields.values()]
        yield ["\n".join(fields) for fields in zip(*columns, strict=True)]


def _cut(cutter: WordCutter, texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut texts into words and yield those of each text that are Chinese all through."""
    begins, han = cutter.begins(texts), is_han(texts)
    base = 0
    for text in texts:
        edges = [*np.flatnonzero(begins[base : base + len(text)]).tolist(), len(text)]
        yield [text[a:b] for a, b in pairwise(edges) if han[base + a : base + b].all()]
        base += len(text)


def _writable(
    words: Sequence[str], tokenizer: PieceTokenizer, spaces: Sequence[bool], longest: int
) -> list[str]:
    """Return the words that the tokenizer can write in all patterns, in few enough pieces."""
    fine = np.ones(len(words), bool)
    for space_before in set(spaces):
        encoded = tokenizer.encode(words, space_before=space_before)
        fine &= [
            len(ids) <= longest and tokenizer.writes(word, ids)
            for word, ids in zip(words, encoded, strict=True)
        ]
    return [word for word, one in zip(words, fine, strict=True) if one]
