"""A file of sentence pairs out of a corpus."""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pet_mtl.atomic import new_file, write_errors
from pet_mtl.console import bar, say
from pet_mtl.errors import PetMtlError
from pet_mtl.leftovers import sweep
from pet_mtl.pairs.contradiction import contradicts
from pet_mtl.pairs.entailment import follows
from pet_mtl.pairs.neutral import NamePool, leaves_open
from pet_mtl.pairs.places import Place, draw_places
from pet_mtl.pairs.words import Tagger, Words, clauses, says_something, written
from pet_mtl.pretraining.corpus import Corpus
from pet_mtl.random_streams import SENTENCE_PAIRS

LABELS = ("entailment", "neutral", "contradiction")
_PLACES_A_PAIR = 3  # some sentences give no pair of the label whose turn it is
_LONGEST_HYPOTHESIS = 26
_BLOCK = 1024  # sentences that are cut into words at a time


@dataclass(frozen=True)
class Pair:
    premise: str
    hypothesis: str
    label: str


@dataclass(frozen=True)
class PairsResult:
    """What `write_pairs` wrote: the file and its rows by label."""

    out: Path
    rows: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        return {"out": str(self.out), "rows": self.rows}


def write_pairs(corpus: Corpus, out: Path, count: int, seed: int) -> PairsResult:
    """Write `count` pairs as json lines with `premise`, `hypothesis` and `label`, each label as
    often as the others.

    Args:
        corpus: Chinese running text; it is read once.
        out: a new file, which appears when it is whole.

    Raises:
        PetMtlError: the file is there or cannot be written; the text does not give a single pair.
        MachineError: the disk is full; there is no file then.
    """
    _require_new(out)
    sweep(out)
    rng = SENTENCE_PAIRS.generator(str(seed))
    rows = dict.fromkeys(LABELS, 0)
    with new_file(out) as file:  # a place that cannot be written is told before the corpus is read
        say("reading the corpus to draw sentences from")
        places = draw_places(corpus, _PLACES_A_PAIR * count, rng)
        with write_errors(out), bar("pairs", count) as shown:
            for pair in _pairs(places, count, rng):
                file.write(json.dumps(asdict(pair), ensure_ascii=False).encode() + b"\n")
                rows[pair.label] += 1
                shown.advance(1)
        if not any(rows.values()):
            raise PetMtlError(
                "the text gives no pair",
                hint="the rules know Chinese: give running text of several sentences a document",
            )
        _require_new(out)  # another command may have written it meanwhile
    if (made := sum(rows.values())) < count:
        say(f"warning: the text gives {made:,} pairs, not {count:,}")
    return PairsResult(out, rows)


def _require_new(out: Path) -> None:
    if out.exists():
        raise PetMtlError("there is a file already", where=str(out), hint="name a new one: --out")


def _pairs(places: list[Place], count: int, rng: random.Random) -> Iterator[Pair]:
    """Yield up to `count` pairs; the label with the fewest so far has the next turn."""
    tagger, names = Tagger(), NamePool()
    made = dict.fromkeys(LABELS, 0)
    for start in range(0, len(places), _BLOCK):
        block = places[start : start + _BLOCK]
        premises = tagger.words([place.premise for place in block])
        following = tagger.words([place.following for place in block])
        for words in premises:
            names.add(words, rng)
        for words, after in zip(premises, following, strict=True):
            label = min(LABELS, key=lambda label: (made[label], rng.random()))
            pair = _pair(label, words, after, names, rng)
            if pair is not None:
                made[label] += 1
                yield pair
            if sum(made.values()) == count:
                return


def _pair(
    label: str, premise: Words, following: Words, names: NamePool, rng: random.Random
) -> Pair | None:
    found = clauses(premise)
    if not found:
        return None
    clause = rng.choice(found)
    others = [other for other in found if other is not clause]
    hypothesis: Words | None
    if label == "entailment":
        hypothesis = follows(clause, rng)
    elif label == "contradiction":
        hypothesis = contradicts(
            follows(clause, rng) if rng.random() < 0.75 else clause, names, rng
        )
    else:
        opened = leaves_open(clause, others, clauses(following), names, rng)
        shorter, hypothesis = opened or (None, None)
        premise = shorter or premise
    if hypothesis is None or not says_something(hypothesis, _LONGEST_HYPOTHESIS):
        return None
    texts = written(premise), written(hypothesis)
    return None if texts[0] == texts[1] else Pair(*texts, label)
