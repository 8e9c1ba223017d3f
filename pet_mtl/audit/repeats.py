"""Rows with one text, and those whose labels contradict each other."""

from typing import Any

import numpy as np
import pyarrow.compute as pc

from pet_mtl.audit.finding import EXAMPLES, Finding, Level
from pet_mtl.audit.parts import Part
from pet_mtl.data.duplicates import find_conflicts
from pet_mtl.data.targets import target_text

CHECK = "repeats"
MANY = 0.01  # share of rows above which repeats are worth a warning


def check_repeats(part: Part) -> tuple[dict[str, Any], list[Finding]]:
    """Count rows whose normalised text stood in an earlier row, and texts with several labels."""
    rows = part.rows
    _, first = np.unique(part.keys, return_index=True)
    again = np.setdiff1d(np.arange(len(rows)), first)
    groups = find_conflicts(rows, keys=part.keys).groups
    figures: dict[str, Any] = {"repeats": len(again), "conflicting_texts": len(groups)}
    findings = []
    clean = "`pet-mtl data clean` drops repeats"
    if len(again):
        level: Level = "warning" if part.measured or len(again) > MANY * len(rows) else "note"
        findings.append(part.finding(level, CHECK, again, "repeat a text", clean))
    if groups:
        answers = rows.answers
        examples = []
        for group in groups[:EXAMPLES]:
            pair = (group[0], group[np.flatnonzero(answers[group] != answers[group[0]])[0]])
            examples.append(
                " and ".join(
                    f'{rows.where(int(row))} "{target_text(rows.gold[row], part.task)}"'
                    for row in pair
                )
            )
        examples += ["…"] if len(groups) > EXAMPLES else []
        message = f"{len(groups):,} text{'s have' if len(groups) > 1 else ' has'} several labels"
        hint = "`pet-mtl data clean --conflicts majority` (or `drop`) settles them"
        findings.append(Finding("warning", CHECK, part.title, message, tuple(examples), hint))
    findings += _shared_fields(part, figures)
    return figures, findings


def _shared_fields(part: Part, figures: dict[str, Any]) -> list[Finding]:
    """Say where a field of a task with several fields repeats: a split by rows leaves it on both
    sides."""
    if len(part.rows.fields) < 2:
        return []
    figures["different_texts"] = {
        name: pc.count_distinct(c).as_py() for name, c in part.rows.fields.items()
    }
    return [
        Finding(
            "note",
            CHECK,
            part.title,
            f"{len(part.rows):,} rows have {count:,} different texts in `{name}`",
            hint="`dev: {split: …}` keeps whole rows apart: one field's text may stand on both "
            "sides",
        )
        for name, count in figures["different_texts"].items()
        if count < len(part.rows) / 2
    ]
