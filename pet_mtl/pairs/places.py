"""Which sentences of a corpus become premises: as many as are wanted, drawn evenly from all of
it."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pet_mtl.cloze.chinese_words import is_han
from pet_mtl.pretraining.corpus import Corpus, Document

_SENTENCE = re.compile(r"[^。！？!?]+[。！？!?]*")
_SHORTEST, _LONGEST = 4, 60  # characters of a sentence
_SHORT_PREMISE = 14  # a shorter sentence takes the next one along
_CHINESE = 0.7  # least share of Chinese characters


@dataclass(frozen=True)
class Place:
    """A premise, of one sentence or of two short ones, and the sentence behind it."""

    premise: str
    following: str


def draw_places(corpus: Corpus, count: int, rng: random.Random) -> list[Place]:
    """Return up to `count` places in random order, each as likely (Algorithm R, Vitter 1985).

    The corpus is read once as a stream; memory grows with `count` alone.
    """
    drawn: list[Place] = []
    seen = 0
    for document in corpus.documents():
        for place in _places(document, rng):
            seen += 1
            if len(drawn) < count:
                drawn.append(place)
            elif (number := rng.randrange(seen)) < count:
                drawn[number] = place
    rng.shuffle(drawn)
    return drawn


def _places(document: Document, rng: random.Random) -> Iterator[Place]:
    sentences = [text for paragraph in document for text in _sentences(paragraph)]
    at = rng.randrange(3)
    while at + 1 < len(sentences):
        premise = sentences[at]
        if len(premise) < _SHORT_PREMISE and at + 2 < len(sentences):
            at += 1
            premise = f"{premise}，{sentences[at]}"
        yield Place(premise, sentences[at + 1])
        at += rng.randrange(2, 6)


def _sentences(paragraph: str) -> Iterator[str]:
    for match in _SENTENCE.finditer(paragraph):
        text = match[0].strip().rstrip("，。！？!?")
        if _SHORTEST <= len(text) <= _LONGEST and is_han([text]).mean() >= _CHINESE:
            yield text
