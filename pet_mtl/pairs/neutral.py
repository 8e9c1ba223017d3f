"""What a sentence leaves open: what the text says next, added details, the longer text."""

import random
from collections.abc import Sequence

from pet_mtl.pairs.entailment import follows
from pet_mtl.pairs.lexicon import BEFORE_VERBS, ENDINGS
from pet_mtl.pairs.words import NAMES, Word, Words, written

_MOST_NAMES = 2000
_FEWEST_NAMES = 20


class NamePool:
    """Names and nouns of the text so far, from which others are drawn."""

    def __init__(self) -> None:
        self._words: dict[str, list[str]] = {}

    def add(self, sentence: Words, rng: random.Random) -> None:
        """Take the names and nouns of a sentence; a full pool loses others for them."""
        for word in sentence:
            if len(word.text) < 2 or word.tag not in (*NAMES, "n"):
                continue
            pool = self._words.setdefault(word.tag, [])
            if len(pool) < _MOST_NAMES:
                pool.append(word.text)
            else:
                pool[rng.randrange(_MOST_NAMES)] = word.text

    def draw(self, tag: str, rng: random.Random) -> str | None:
        pool = self._words.get(tag, ())
        return rng.choice(pool) if len(pool) >= _FEWEST_NAMES else None


def leaves_open(
    clause: Words,
    others: Sequence[Words],
    following: Sequence[Words],
    names: NamePool,
    rng: random.Random,
) -> tuple[Words | None, Words] | None:
    """Return a premise (None: the whole sentence) and a hypothesis that may be true or not.

    Args:
        clause: of the sentence.
        others: its other clauses.
        following: the clauses of the next sentence.
    """
    way = rng.random()
    if way < 0.25 and following:
        return None, rng.choice(following)
    if way < 0.55:
        return None, _with_detail(follows(clause, rng), names, rng)
    if way < 0.7:
        mixed = _same_subject(clause, rng.choice(following)) if following else None
        return None if mixed is None else (None, mixed)
    if way < 0.85:
        short = follows(clause, rng)
        return (short, clause) if len(written(short)) <= len(written(clause)) - 2 else None
    if others:
        return rng.choice(others), clause
    return (None, [*clause, Word("，", "x"), *rng.choice(following)]) if following else None


def _same_subject(clause: Words, other: Words) -> Words | None:
    """Return what stands before the clause's verb with the predicate of another clause."""
    first, second = _verb(clause), _verb(other)
    return None if not first or second is None else [*clause[:first], *other[second:]]


def _with_detail(clause: Words, names: NamePool, rng: random.Random) -> Words:
    """Add a time, a place, an adverb, a noun's owner, or an ending that the text does not hold."""
    verb = _verb(clause, start=1)  # something stands before it
    nouns = [n for n, word in enumerate(clause) if word.tag == "n"]
    time, place, noun = (names.draw(tag, rng) for tag in ("t", "ns", "n"))
    way = rng.random()
    if way < 0.3 and time:
        return [Word(time, "t"), *clause]
    if way < 0.5 and place and verb:
        return [*clause[:verb], Word("在", "p"), Word(place, "ns"), *clause[verb:]]
    if way < 0.7 and verb:
        return [*clause[:verb], Word(rng.choice(BEFORE_VERBS), "d"), *clause[verb:]]
    if way < 0.85 and noun and nouns:
        at = rng.choice(nouns)
        return [*clause[:at], Word(noun, "n"), Word(rng.choice("的和"), "u"), *clause[at:]]
    return [*clause, Word(rng.choice(ENDINGS), "x")]


def _verb(clause: Words, start: int = 0) -> int | None:
    return next((n for n in range(start, len(clause)) if clause[n].tag == "v"), None)
