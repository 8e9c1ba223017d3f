"""Texts that stand in several parts of a task, or in several tasks."""

from itertools import combinations
from typing import Any

import numpy as np

from pet_mtl.audit.finding import Finding, Level
from pet_mtl.audit.parts import Part

SEEN = "the model is trained on rows that it is scored on"


def check_overlap(parts: list[Part]) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Count the rows of each part whose normalised text stands in another one too.

    Dev or test rows inside training rows of their own task are an error. All other pairs that are
    not measured on each other are worth a warning or a note.
    """
    figures, findings = [], []
    for one, other in _sharing(parts):
        # the rows that are counted are those that scores depend on
        inner, outer = (other, one) if other.measured or not one.measured else (one, other)
        found = np.flatnonzero(np.isin(inner.keys, outer.keys))
        figures.append(
            {"rows_of": inner.title, "in": outer.title, "rows": len(found), "of": len(inner.rows)}
        )
        level, hint = _judge(inner, outer)
        what = f"stand in {outer.title} too"
        findings.append(inner.finding(level, "overlap", found, what, hint))
    return figures, findings


def _sharing(parts: list[Part]) -> list[tuple[Part, Part]]:
    """Return the pairs of parts that have a text in common, in order; of a thousand tasks, trying
    all pairs would take minutes."""
    texts = [np.unique(part.keys) for part in parts]
    keys = np.concatenate(texts)
    holders = np.repeat(np.arange(len(parts)), [len(each) for each in texts])
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    several = np.flatnonzero(counts[place] > 1)
    several = several[np.argsort(place[several], kind="stable")]
    groups = np.split(holders[several], np.flatnonzero(np.diff(place[several])) + 1)
    pairs = {pair for group in set(map(tuple, groups)) for pair in combinations(group, 2)}
    return [(parts[one], parts[other]) for one, other in sorted(pairs)]


def _judge(inner: Part, outer: Part) -> tuple[Level, str | None]:
    same_task = inner.task.name == outer.task.name
    if inner.measured and outer.name == "train":
        if same_task:
            return "error", f"{SEEN}; `pet-mtl data clean` drops them from the training rows"
        return "warning", "the model sees these texts, with other labels"
    if inner.measured and outer.measured and same_task:
        return "warning", "the checkpoint is chosen by rows that it is scored on"
    if inner.measured != outer.measured:
        return "warning", "`pretrain --task-text` leaves them out, other uses may not"
    return "note", None
