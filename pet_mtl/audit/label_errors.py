"""Rows whose label a trained model contradicts: confident learning (Northcutt, Jiang and Chuang,
"Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021).

A probability says something of a label only if the model was not trained on it. Each row is
therefore judged by those checkpoints that did not see it; rows that all of them saw are judged
apart, and are marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.audit.finding import Finding, first_places, share
from pet_mtl.audit.parts import Part
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.kinds import kind_of
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.storage.trained_on import Keys, read_trained_on, rows_seen
from pet_mtl.suite.task import TaskSpec

MOST = 20
TEXT = 200  # characters of a row's texts that are listed
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Suspects:
    """Rows of a part whose label is suspected, the most suspected first.

    Attributes:
        rows: numbers of the rows, `[s]`.
        suggested: the label that the model is sure of, `[s]`.
    """

    rows: NDArray[np.int64]
    suggested: NDArray[np.int64]


@dataclass(frozen=True)
class LabelErrors:
    """What was found in all parts.

    Attributes:
        models: the checkpoints that were asked.
        parts: how many rows were judged and suspected, by task and part.
        rows: those that are listed.
        notes: what was not judged, and why.
    """

    models: list[str]
    parts: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {"models": self.models, "parts": self.parts, "rows": self.rows, "notes": self.notes}


def suspects(probabilities: FloatArray, labels: NDArray[np.int64]) -> Suspects:
    """Return the rows off the diagonal of the confident joint.

    A row counts as label j if its probability of j is at least the mean probability of j over the
    rows labelled j; of several such labels the likeliest. It is suspected if that is not its own.
    The order is that of the margin between its own label and the suggested one.

    Args:
        probabilities: `[n, K]`, of a model that was not trained on the rows.
        labels: `[n]`, from 0 to K - 1.

    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.05, 0.95]], np.float32)
    >>> suspects(p, np.array([0, 0, 1, 1, 0])).rows.tolist()
    [4]
    """
    count, width = probabilities.shape
    every, sums = np.arange(count), np.zeros(width)
    own = probabilities[every, labels].astype(np.float64)
    np.add.at(sums, labels, own)
    rows_of = np.bincount(labels, minlength=width)
    # a label that no row has cannot be told to be likely enough
    thresholds = np.where(rows_of > 0, sums / np.maximum(rows_of, 1), np.inf)
    sure = np.where(probabilities >= thresholds, probabilities, -1.0)
    suggested = sure.argmax(-1)
    found = np.flatnonzero((sure.max(-1) >= 0) & (suggested != labels)) if count else every
    margin = own[found] - probabilities[found, suggested[found]]
    order = np.argsort(margin, kind="stable")
    return Suspects(found[order], suggested[found[order]].astype(np.int64))


@dataclass(frozen=True)
class _Asked:
    """A checkpoint and what it was trained on; None where it does not say."""

    loaded: LoadedCheckpoint
    trained: dict[str, Keys] | None


def find_label_errors(
    checkpoints: Sequence[str], parts: Sequence[Part], most: int = MOST
) -> LabelErrors:
    """Judge the labels of all parts by checkpoints.

    Args:
        checkpoints: folders; of several, such as one for each fold, each row is judged by those
            that were not trained on its text.
        most: rows of each part that are listed.

    Raises:
        PetMtlError: a folder is no checkpoint, or is damaged.
    """
    asked = [
        _Asked(LoadedCheckpoint(Path(folder)), read_trained_on(Path(folder)))
        for folder in checkpoints
    ]
    result = LabelErrors(list(checkpoints))
    result.notes.extend(
        f"{folder} does not say what it was trained on: no row is known to be among its own"
        for folder, each in zip(checkpoints, asked, strict=True)
        if each.trained is None
    )
    for part in parts:
        known = np.flatnonzero(part.rows.labels >= 0)
        if not len(known):
            continue
        why = next(filter(None, (_unfit(each.loaded, part.task) for each in asked)), None)
        if why is not None:
            result.notes.append(f"{part.title} is not judged: {why}")
            continue
        say(f"judging labels: {part.title}, {len(known):,} rows")
        _judge(part, known, asked, most, result)
    return result


def _unfit(loaded: LoadedCheckpoint, task: TaskSpec) -> str | None:
    """Return why a checkpoint cannot judge a task's labels."""
    if not kind_of(task).one_label:
        return f"rows of `kind: {task.kind}` have no single label"
    theirs = loaded.suite.tasks.get(task.name)
    if theirs is None:
        return f"{loaded.folder} has no task `{task.name}`"
    if set(theirs.verbalizer.labels) != set(task.verbalizer.labels) or theirs.kind != task.kind:
        return f"{loaded.folder} was trained with other labels"
    if set(theirs.fields) != set(task.fields):
        return f"{loaded.folder} was trained on other columns"
    return None


def _judge(
    part: Part, known: NDArray[np.int64], asked: Sequence[_Asked], most: int, result: LabelErrors
) -> None:
    rows = part.rows.take(known)
    p, seen = _probabilities(part.task, rows, asked)
    found, marks = [], []
    for group in (False, True):  # rows that the models saw have thresholds of their own
        members = np.flatnonzero(seen == group)
        of_group = suspects(p[members], rows.labels[members])
        found.append(Suspects(members[of_group.rows], of_group.suggested))
        marks.append(len(of_group.rows))
    places = np.concatenate([each.rows for each in found])
    suggested = np.concatenate([each.suggested for each in found])
    result.parts.append(
        {
            "task": part.task.name,
            "part": part.name,
            "rows": len(rows),
            "trained_on": int(seen.sum()),
            "suspected": len(places),
            "suspected_trained_on": marks[1],
        }
    )
    labels = part.task.verbalizer.labels
    for row, other in zip(places[:most].tolist(), suggested[:most].tolist(), strict=True):
        own = int(rows.labels[row])
        result.rows.append(
            {
                "task": part.task.name,
                "part": part.name,
                "row": int(known[row]) + 1,
                "id": rows.ids[row].as_py(),
                "where": rows.where(row),
                "label": labels[own],
                "suggested": labels[other],
                "probability": round(float(p[row, other]), 6),
                "label_probability": round(float(p[row, own]), 6),
                "trained_on": bool(seen[row]),
                "text": " ／ ".join(rows.text(row).values())[:TEXT],
            }
        )
    result.findings.append(_finding(part, rows, places, marks[1], trained_on=bool(seen.any())))


def _finding(
    part: Part, rows: Rows, places: NDArray[np.int64], seen: int, *, trained_on: bool
) -> Finding:
    """Return what was found, also where it is nothing; `trained_on`: some rows were."""
    message = f"{share(len(places), len(rows))} have a label that the model contradicts"
    opinion = "look at them before you trust them: the list is the model's opinion"
    hint = opinion if len(places) else None
    if seen:
        message += f", {seen:,} of them rows that it was trained on"
    if trained_on:
        hint = (
            "a model has learned the labels of rows it was trained on, wrong ones too, and finds "
            "few of them: give checkpoints trained without them, such as those of "
            "`pet-mtl distill --folds 4`, each with `--model`"
        )
    return Finding(
        "note", "label_errors", part.title, message, first_places(rows.where, places), hint
    )


def _probabilities(
    task: TaskSpec, rows: Rows, asked: Sequence[_Asked]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return label probabilities `[n, K]` in the order of the task's labels, each row's the mean of
    the checkpoints that were not trained on it, and `[n]` which rows all of them were trained
    on."""
    n, width = len(rows), len(task.verbalizer.labels)
    held_out = np.ones((len(asked), n), bool)
    for number, each in enumerate(asked):
        keys = (each.trained or {}).get(task.name)
        if keys is not None:
            fields = each.loaded.suite.tasks[task.name].fields
            held_out[number, rows_seen(rows, keys, fields)] = False
    seen: NDArray[np.bool_] = np.asarray(~held_out.any(0))
    judges = held_out | seen  # a row that all were trained on is judged by all
    sums = np.zeros((n, width))
    for number, each in enumerate(asked):
        members = np.flatnonzero(judges[number])
        if not len(members):
            continue
        theirs = each.loaded.suite.tasks[task.name]
        log_probs = each.loaded.log_probs({task.name: rows.take(members)}, title="judging")
        p = kind_of(theirs).probabilities(log_probs[task.name])
        columns = [theirs.verbalizer.labels.index(label) for label in task.verbalizer.labels]
        sums[members] += p[:, columns]
    return (sums / judges.sum(0)[:, None]).astype(np.float32), seen
