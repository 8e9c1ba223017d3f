"""The methods' best words, each with what it gains: ranked on the fitting rows, measured on the
held-out ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pet_mtl.console import bar
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.words.suggest.judge import Judge, Words

PER_METHOD = 10  # words of each method and group that are judged for a label
MOST = 8  # suggestions for each label
Change = Literal["add", "replace"]


@dataclass(frozen=True)
class Suggestion:
    """One word for one label.

    Attributes:
        word: which candidate.
        methods: those that found it, and its rank with each within its group, from 1.
        change: one more word of the label, or in place of its words, whichever is better on the
            fitting rows.
        fitting_gain: of macro-F1 on the fitting rows; the ranking.
        gain: of macro-F1 on the held-out rows: what to expect; NaN without such rows.
        interval: 95 %, of `gain`.
    """

    word: int
    methods: dict[str, int]
    change: Change
    fitting_gain: float
    gain: float
    interval: tuple[float, float]


def changed(words: Words, label: int, word: int, change: Change) -> Words:
    """Return the label words with one change."""
    new = (*words[label], word) if change == "add" else (word,)
    return (*words[:label], new, *words[label + 1 :])


def rank(
    judge: Judge,
    own: Words,
    methods: Mapping[str, FloatArray],
    groups: Sequence[Sequence[int]],
    most: int,
) -> list[list[Suggestion]]:
    """Return the `most` best words for each label.

    Args:
        own: the label words as they are.
        methods: `[K, C]` scores of each method.
        groups: candidates that may be suggested, in groups of which each has its share.
    """
    fitting = judge.fitting_part()
    scores, scores_fitting = judge.all_scores(own), fitting.all_scores(own)
    before, base = judge.predict(scores)[judge.fitting :], fitting.macro_f1(scores_fitting)
    unknown = (math.nan, (math.nan, math.nan))
    ranked = []
    with bar("judging suggestions", len(own)) as shown:
        for label in range(len(own)):
            found = _found(methods, label, groups)
            tried = [(word, change) for word in found for change in ("add", "replace")]
            choices = [changed(own, label, word, change)[label] for word, change in tried]  # type: ignore[arg-type]
            gains = fitting.macro_f1_with(scores_fitting, label, choices) - base
            best: dict[int, tuple[float, Change]] = {}
            for (word, change), gain in zip(tried, gains.tolist(), strict=True):
                if word not in best or gain > best[word][0]:
                    best[word] = (gain, change)  # type: ignore[assignment]
            suggestions = []
            kept = sorted(best, key=lambda word: -best[word][0])[:most]
            words = [changed(own, label, word, best[word][1])[label] for word in kept]
            for word, after in zip(kept, judge.predict_with(scores, label, words), strict=True):
                gain, change = best[word]
                predicted = after[judge.fitting :]
                held_out, interval = (
                    judge.held_out_gain(before, predicted, len(own)) if len(before) else unknown
                )
                suggestions.append(Suggestion(word, found[word], change, gain, held_out, interval))
            ranked.append(suggestions)
            shown.advance(1)
    return ranked


def _found(
    methods: Mapping[str, FloatArray], label: int, groups: Sequence[Sequence[int]]
) -> dict[int, dict[str, int]]:
    """Return the best words of each method and group for a label, with their ranks within the
    group."""
    found: dict[int, dict[str, int]] = {}
    for name, scores in methods.items():
        for group in groups:
            of_group = scores[label, list(group)]
            for place, at in enumerate(np.argsort(-of_group, kind="stable")[:PER_METHOD], start=1):
                if np.isfinite(of_group[at]):
                    found.setdefault(int(group[at]), {})[name] = place
    return found
