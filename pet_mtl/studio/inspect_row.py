"""One text: label probabilities, what each label word adds, and which pieces matter."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pet_mtl.data.rows import Rows
from pet_mtl.kinds import Kind, kind_of
from pet_mtl.kinds.kind import Decided
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model
from pet_mtl.words.trial import Trial

_UNIT = re.compile(r"[A-Za-z0-9]+|\S")
_MOST_UNITS = 200
Scores = Callable[[TaskSpec, Trial], FloatArray]


def inspect_row(
    model: Model, task: TaskSpec, fields: Mapping[str, str], max_length: int, scores: Scores
) -> dict[str, Any]:
    """Look at one row.

    Args:
        scores: returns the calibrated label log-probabilities `[rows, K]` of a trial's rows.

    Returns:
        `{"label", "said", "chosen", "labels": [{"label", "probability", "words": [{"word",
        "share"}]}]}`: the likeliest label (of numbers the high end), what is said of the row as
        text, which labels that are; the shares of all words of all labels sum up to 1: what each
        would get if each were a label of its own.
    """
    trial, kind = _trial(model, task, [fields], max_length), kind_of(task)
    log_probs = scores(task, trial)
    probabilities, decided = kind.probabilities(log_probs)[0], kind.decide(log_probs)
    verbalizer = task.verbalizer
    shares = _word_shares(model, task, trial)
    labels = [
        {
            "label": label,
            "probability": float(p),
            "words": [{"word": word, "share": float(shares[word])} for word in words],
        }
        for label, words, p in zip(
            verbalizer.labels, verbalizer.words, probabilities.tolist(), strict=True
        )
    ]
    return {
        "label": verbalizer.labels[_told(kind, probabilities)],
        "said": kind.written(decided)[0],
        "chosen": [verbalizer.labels[k] for k in _chosen(kind, decided[0])],
        "labels": labels,
    }


def _chosen(kind: Kind, decided: Decided) -> list[int]:
    """Return the labels that a row gets; none where it gets a number."""
    match kind.spec.facts.target:
        case "labels":
            return list(np.flatnonzero(decided).tolist())
        case "number":
            return []
        case _:
            return [int(decided)]


def _told(kind: Kind, probabilities: FloatArray) -> int:
    """Return the label that says most of a row: the likeliest, or the high end of numbers."""
    return 1 if kind.spec.facts.target == "number" else int(probabilities.argmax())


def importance(
    model: Model, task: TaskSpec, fields: Mapping[str, str], max_length: int, scores: Scores
) -> dict[str, list[dict[str, Any]]]:
    """Leave each character (or Latin word) of a row out and see what its label loses, as the marks
    of selective masking are made (Gu et al. 2020).

    Returns:
        By field `[{"text", "start", "drop"}]`: the probability of the row's label, less that of the
        row without the unit.
    """
    units = [
        (name, found.start(), found.end())
        for name in task.fields
        for found in _UNIT.finditer(fields[name])
    ][:_MOST_UNITS]
    without = [
        {**fields, name: fields[name][:start] + fields[name][end:]} for name, start, end in units
    ]
    trial = _trial(model, task, [fields, *without], max_length)
    kind = kind_of(task)
    probabilities = kind.probabilities(scores(task, trial))
    of_label = probabilities[:, _told(kind, probabilities[0])]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in task.fields}
    for (name, start, end), p in zip(units, of_label[1:].tolist(), strict=True):
        found[name].append(
            {"text": fields[name][start:end], "start": start, "drop": float(of_label[0]) - p}
        )
    return found


def _trial(model: Model, task: TaskSpec, rows: list[Mapping[str, str]], max_length: int) -> Trial:
    columns = {name: [row[name] for row in rows] for name in task.fields}
    return Trial(model, {task.name: Rows.of(columns)}, max_length, StateCache(None, ""))


def _word_shares(model: Model, task: TaskSpec, trial: Trial) -> dict[str, float]:
    """Return the probability of each word if every word were a label of its own; words that are one
    to the tokenizer, such as `Good` and `good`, have it together."""
    words = tuple(dict.fromkeys(word for of_label in task.verbalizer.words for word in of_label))
    first: dict[tuple[int, ...], str] = {}
    twins = {
        word: first.setdefault(tuple(ids), word)
        for word, ids in zip(words, model.tokenizer.encode(words), strict=True)
    }
    labels = tuple(first.values())
    alone = Verbalizer(labels=labels, words=tuple((word,) for word in labels))
    plain: dict[str, object] = {"verbalizer": alone, "kind": "classification", "no": ()}
    plain |= {"levels": None, "above": None}
    log_probs = trial.log_probs(task.model_copy(update=plain))[0]
    shares = dict(zip(labels, np.exp(log_probs).tolist(), strict=True))
    return {word: shares[twin] for word, twin in twins.items()}
