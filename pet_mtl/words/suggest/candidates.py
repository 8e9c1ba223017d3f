"""Words that could be label words: pieces of the vocabulary, and words of the rows, of any number
of pieces."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from pet_mtl.cloze.chinese_words import FIRST_HAN, LAST_HAN, WordCutter, is_han
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows

LONGEST = 4  # pieces of a word: each number of pieces is one more pass over the rows
MOST_WORDS = 3000  # words of the rows, the most frequent ones
LEAST_ROWS = 2  # a word of one row says nothing about a label
_CHUNK = 4096
_LETTER = re.compile(rf"(?![{chr(FIRST_HAN)}-{chr(LAST_HAN)}])[^\W\d_]")
_LETTERS = re.compile(f"(?:{_LETTER.pattern}){{3,}}")  # a word of a script that is written in them


def find_candidates(
    rows: Rows,
    own: Sequence[Sequence[str]],
    tokenizer: PieceTokenizer,
    spaces: Sequence[bool],
    longest: int = LONGEST,
) -> tuple[str, ...]:
    """Return candidate words in the script of the task's own label words, these first; each once.
    Where these have no letters (numbers, emoji), it is that of the rows.

    Args:
        rows: the fitting part of the training rows.
        own: the label words of each label.
        spaces: for each pattern, whether a space stands before its slot.
        longest: the most pieces of a new word.
    """
    first = dict.fromkeys(word for words in own for word in words)
    chinese = _is_chinese("".join(first), rows)
    words = [*_vocabulary(tokenizer, chinese, spaces[0]), *_words_of(rows, chinese)]
    kept = [word for word in dict.fromkeys(words) if word not in first]
    return (*first, *_writable(kept, tokenizer, spaces, longest))


def _is_chinese(own: str, rows: Rows) -> bool:
    """Say whether label words are Chinese; those without a letter are what the rows are."""
    if is_han([own]).any() or _LETTER.search(own):
        return bool(is_han([own]).any())
    text = "".join(next(_texts(rows), []))
    return 2 * int(is_han([text]).sum()) > sum(map(str.isalpha, text))


def _vocabulary(tokenizer: PieceTokenizer, chinese: bool, space_before: bool) -> list[str]:
    """Return the pieces that are words on their own: one Chinese character, or a word of
    letters."""
    texts = tokenizer.piece_texts(range(tokenizer.vocab_size))
    words = [text for text in texts if _is_word(text, chinese)]
    return [
        word
        for word, ids in zip(words, tokenizer.encode(words, space_before=space_before), strict=True)
        if len(ids) == 1
    ]


def _is_word(text: str, chinese: bool) -> bool:
    return bool(is_han([text]).all()) if chinese else _LETTERS.fullmatch(text) is not None


def _words_of(rows: Rows, chinese: bool) -> list[str]:
    """Return the words of at least `LEAST_ROWS` rows, the most frequent first, of two characters or
    more."""
    counts: Counter[str] = Counter()
    cutter = WordCutter() if chinese else None
    for texts in _texts(rows):
        for words in _cut(cutter, texts) if cutter else (_LETTERS.findall(text) for text in texts):
            counts.update({word for word in words if len(word) > 1})
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
            bool(ids) and len(ids) <= longest and tokenizer.unk_id not in ids for ids in encoded
        ]
    return [word for word, one in zip(words, fine, strict=True) if one]
