"""A sentence as words with their parts of speech, as jieba's dictionary has them."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from pet_mtl.cloze.chinese_words import WordCutter, dictionary

NAMES = frozenset({"ns", "nr", "nt", "t"})  # places, people, organisations, times
_CONTENT = frozenset({"v", "a", "vn", "i", "l"})  # a clause without any of them says nothing
_NUMBER = re.compile(r"[0-9.%]+")
_BREAK = re.compile(r"[，。；！？：…,;!?:\s]+")


class Word(NamedTuple):
    """A word; `tag` is jieba's part of speech (`v` verb, `n` noun, …), `x` if it has none."""

    text: str
    tag: str


Words = list[Word]


class Tagger:
    """Cut sentences into words with the tag that the dictionary has for each, whatever stands
    beside it."""

    def __init__(self) -> None:
        self._tags = {word: tag for word, _, tag in dictionary()}
        self._cutter = WordCutter()

    def word(self, text: str) -> Word:
        return Word(text, self._tags.get(text) or ("m" if _NUMBER.fullmatch(text) else "x"))

    def words(self, sentences: Sequence[str]) -> list[Words]:
        """Return the words of each sentence, which is not empty."""
        begins = self._cutter.begins(sentences)
        cut: list[Words] = []
        base = 0
        for sentence in sentences:
            marks = begins[base : base + len(sentence)].nonzero()[0].tolist()
            starts = [0, *(start for start in marks if start > 0), len(sentence)]
            cut.append([self.word(sentence[start:end]) for start, end in pairwise(starts)])
            base += len(sentence)
        return cut


def written(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words)


def says_something(words: Sequence[Word], most: int = 24) -> bool:
    """Return whether the words are a clause: 3 to `most` characters with a verb or the like."""
    return 3 <= len(written(words)) <= most and any(word.tag in _CONTENT for word in words)


def clauses(words: Sequence[Word]) -> list[Words]:
    """Return the clauses between punctuation marks that say something."""
    found: list[Words] = [[]]
    for word in words:
        if _BREAK.fullmatch(word.text):
            found.append([])
        else:
            found[-1].append(word)
    return [clause for clause in found if says_something(clause)]
