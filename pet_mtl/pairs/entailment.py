"""What follows from a clause: the clause itself, said more shortly or in other words."""

import random

from pet_mtl.pairs.lexicon import KEPT_ADVERBS, LIMITING_CHARACTERS, SYNONYMS
from pet_mtl.pairs.words import Word, Words

_ADJECTIVES = frozenset({"a", "b", "z"})
_LEFT_OUT = frozenset({"d", "t", "y", "e", "o"})  # adverbs, times, particles, exclamations
_ATTRIBUTES = frozenset({"n", "a", "vn", "r", "nr", "ns", "b"})
_LONGEST_PHRASE = 5  # words of a prepositional phrase that is left out


def follows(clause: Words, rng: random.Random) -> Words:
    """Return what the clause says without some of its phrases and details, in part in other
    words."""
    return _without_details(_without_phrases(clause, rng), rng)


def _without_phrases(clause: Words, rng: random.Random) -> Words:
    """Leave out prepositional phrases, `… 的` before a noun, and counts, each now and then."""
    kept: Words = []
    at = 0
    while at < len(clause):
        word, after = clause[at], clause[at + 1 :]
        if word.tag == "p" and rng.random() < 0.5:
            verb = next(
                (n for n, w in enumerate(after[:_LONGEST_PHRASE], at + 1) if w.tag == "v"), None
            )
            if verb is not None:
                at = verb
                continue
        attribute = len(after) > 1 and after[0].text == "的" and word.tag in _ATTRIBUTES
        count = len(after) > 1 and word.tag == "m" and after[0].tag in ("q", "m")
        if (attribute and rng.random() < 0.6) or (count and rng.random() < 0.4):
            at += 2
            continue
        kept.append(word)
        at += 1
    return kept


def _without_details(clause: Words, rng: random.Random) -> Words:
    """Leave out the conjunction at the beginning, and adverbs, times and adjectives now and then;
    put synonyms for half of the words that have some."""
    kept: Words = []
    after_gap = False  # the adjective before this `的` was left out
    for number, word in enumerate(clause):
        follower = clause[number + 1].text if number + 1 < len(clause) else ""
        if word.text == "的" and after_gap:
            after_gap = False
            continue
        after_gap = word.tag in _ADJECTIVES and follower == "的" and rng.random() < 0.6
        opening = number == 0 and word.tag == "c"
        detail = word.tag in _LEFT_OUT and not _limits(word) and rng.random() < 0.6
        if after_gap or opening or detail:
            continue
        if word.text in SYNONYMS and rng.random() < 0.5:
            word = Word(rng.choice(SYNONYMS[word.text]), word.tag)
        kept.append(word)
    return kept


def _limits(word: Word) -> bool:
    """Return whether the sentence says something else without this word."""
    return word.text in KEPT_ADVERBS or not LIMITING_CHARACTERS.isdisjoint(word.text)
