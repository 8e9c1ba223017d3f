"""What cannot be if a clause is true: one word of it is changed."""

import random
import re
from collections.abc import Callable

from pet_mtl.pairs.lexicon import (
    AFFIRMED,
    NEGATED,
    NEGATIONS,
    NEGATIVE_CHARACTERS,
    NUMERALS,
    OPPOSITES,
)
from pet_mtl.pairs.neutral import NamePool
from pet_mtl.pairs.words import NAMES, Word, Words, written

_SOME_NUMBER = re.compile(rf"[0-9]+|[{NUMERALS}二]{{1,2}}")
_CLOSING = frozenset({"了", "啊", "吧"})  # an adjective before them, or at the end, is what is said
_TRIES = 4
_KNOWN_WEIGHT = 3  # of a verb whose negation is listed, to 1 of another

Change = Callable[[Words, random.Random], Words | None]


def contradicts(clause: Words, names: NamePool, rng: random.Random) -> Words | None:
    """Return the clause with one change after which it cannot be true as well; None: none of the
    changes that were tried has a word to change."""
    changes: tuple[Change, ...] = (
        _negate, _affirm, _put_opposite, _change_number,
        lambda words, rng: _change_name(words, names, rng),
    )  # fmt: skip
    for change in rng.choices(changes, weights=(45, 20, 20, 10, 5), k=_TRIES):
        changed = change(clause, rng)
        if changed:
            return changed
    return None


def _replaced(words: Words, number: int, text: str) -> Words:
    """Return the words with another text at `number`; an empty one leaves the word out."""
    new = [Word(text, words[number].tag)] if text else []
    return [*words[:number], *new, *words[number + 1 :]]


def _negate(words: Words, rng: random.Random) -> Words | None:
    choices: list[tuple[int, str]] = []
    for number, word in enumerate(words):
        after = words[number + 1 :]
        with_one_before = written(words[max(number - 1, 0) : number + 1])
        if not NEGATIVE_CHARACTERS.isdisjoint(with_one_before):
            continue  # negated already, by itself (`不会`) or by the word before
        attribute = any(follower.text == "的" for follower in after[:2])
        if word.text in NEGATED:
            choices += [(number, NEGATED[word.text])] * _KNOWN_WEIGHT
        elif word.tag == "v" and len(word.text) > 1 and not attribute:
            choices.append((number, rng.choice(NEGATIONS) + word.text))
        elif word.tag == "a" and (not after or after[0].text in _CLOSING):
            choices.append((number, f"不{word.text}"))
    return _replaced(words, *rng.choice(choices)) if choices else None


def _affirm(words: Words, rng: random.Random) -> Words | None:
    return _put_other(words, AFFIRMED, rng)


def _put_opposite(words: Words, rng: random.Random) -> Words | None:
    return _put_other(words, OPPOSITES, rng)


def _put_other(words: Words, others: dict[str, str], rng: random.Random) -> Words | None:
    numbers = [number for number, word in enumerate(words) if word.text in others]
    if not numbers:
        return None
    number = rng.choice(numbers)
    return _replaced(words, number, others[words[number].text])


def _change_number(words: Words, rng: random.Random) -> Words | None:
    numbers = [number for number, word in enumerate(words) if _SOME_NUMBER.fullmatch(word.text)]
    if not numbers:
        return None
    number = rng.choice(numbers)
    text = words[number].text
    place = rng.randrange(len(text))
    digits = "0123456789" if text[0].isascii() else NUMERALS
    digit = rng.choice([digit for digit in digits if digit != text[place]])
    return _replaced(words, number, text[:place] + digit + text[place + 1 :])


def _change_name(words: Words, names: NamePool, rng: random.Random) -> Words | None:
    numbers = [
        number for number, word in enumerate(words) if word.tag in NAMES and len(word.text) > 1
    ]
    if not numbers:
        return None
    number = rng.choice(numbers)
    other = names.draw(words[number].tag, rng)
    return None if other in (None, words[number].text) else _replaced(words, number, other or "")
