"""Frequent words that tasks and corpora share.

Gururangan et al., 2020 ("Don't Stop Pretraining", DAPT): of the 10,000 most frequent words, stop
words left out, the share that two texts have in common; where a task shares little with the text
that a model was pre-trained on, further pre-training helps.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pet_mtl.audit.finding import Finding
from pet_mtl.audit.stop_words import STOP_WORDS
from pet_mtl.cloze.chinese_words import WordCutter

MOST_WORDS = 10_000
MOST_CHARACTERS = 3_000_000  # of each source; a larger one is sampled evenly
LOW = 0.4
_BATCH = 4096  # texts that are cut into words together
_RUNS = re.compile(r"[\u4e00-\u9fd5]+|[A-Za-z]{2,}")


def check_vocabulary(
    tasks: Mapping[str, Iterable[str]], corpora: Mapping[str, Iterable[str]]
) -> tuple[dict[str, Any], list[Finding]]:
    """Compare the frequent words of tasks and corpora, given by name as texts.

    The share is of the smaller of two vocabularies, so that a small task can be compared with a
    large corpus.
    """
    cutter = WordCutter()
    vocabularies = {
        name: frequent_words(texts, cutter) for name, texts in {**tasks, **corpora}.items()
    }
    names = list(vocabularies)
    shared = [[round(overlap(vocabularies[a], vocabularies[b]), 4) for b in names] for a in names]
    figures = {
        "names": names,
        "words": {n: len(v) for n, v in vocabularies.items()},
        "shared": shared,
    }
    findings = []
    for task in tasks:
        for corpus in corpora:
            value = shared[names.index(task)][names.index(corpus)]
            if value < LOW:
                message = f"{value:.0%} of the frequent words are those of {corpus}: little"
                hint = (
                    "further pre-training on this task's text will help: `pet-mtl pretrain "
                    "--task-text`"
                )
                findings.append(Finding("note", "vocabulary", task, message, hint=hint))
    return figures, findings


def overlap(one: set[str], other: set[str]) -> float:
    """Return the shared part of the smaller set.

    >>> overlap({"a", "b"}, {"b", "c", "d"}), overlap(set(), {"a"})
    (0.5, 0.0)
    """
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller else 0.0


def frequent_words(texts: Iterable[str], cutter: WordCutter) -> set[str]:
    """Return the most frequent words: Chinese ones as jieba cuts them, others in lower case, no
    function words."""
    counts: Counter[str] = Counter()
    for batch in _batches(sample(texts)):
        runs = _RUNS.findall(batch)
        han = [run for run in runs if not run.isascii()]
        counts.update(run.lower() for run in runs if run.isascii())
        begins = np.flatnonzero(cutter.begins(han)).tolist()
        joined = "".join(han)
        counts.update(joined[start:end] for start, end in pairwise([*begins, len(joined)]))
    for word in STOP_WORDS:
        del counts[word]
    return {word for word, _ in counts.most_common(MOST_WORDS)}


def sample(texts: Iterable[str]) -> Sequence[str]:
    """Return all texts, or where they are too long every second, fourth, … one from beginning to
    end.

    >>> len(sample(["文" * 1000] * 10_000))
    2500
    """
    kept: list[str] = []
    size, step = 0, 1
    for number, text in enumerate(texts):
        if number % step:
            continue
        kept.append(text)
        size += len(text)
        while size > MOST_CHARACTERS and len(kept) > 1:
            kept = kept[::2]
            size, step = sum(map(len, kept)), 2 * step
    return kept


def _batches(texts: Sequence[str]) -> Iterable[str]:
    starts = range(0, len(texts), _BATCH)
    return ("\n".join(texts[start : start + _BATCH]) for start in starts)
