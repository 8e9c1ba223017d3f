"""Rows of each label."""

from typing import Any

import numpy as np

from pet_mtl.audit.finding import Finding
from pet_mtl.audit.parts import Part
from pet_mtl.data.targets import STRATA, label_counts

RARE = 0.25  # of an equal share of the rows
FEW = 8  # rows
SHOWN = 10  # labels in a line; all counts stand in the figures


def check_classes(part: Part) -> tuple[dict[str, Any], list[Finding]]:
    """Count the rows of each label; name rare and absent ones, on which macro-F1 hangs, and gaps
    between numbers."""
    labels = part.task.verbalizer.labels
    if part.task.kind_spec.facts.target == "number":
        return _check_numbers(part)
    counts = label_counts(part.rows.labels, part.rows.targets, part.task)
    total = int(counts.sum())
    if not total:
        return {}, []
    figures: dict[str, Any] = {"labels": dict(zip(labels, counts.tolist(), strict=True))}
    if part.rows.targets is not None:
        sizes = (part.rows.targets > 0).sum(1)[part.rows.labels >= 0]
        figures["labels_a_row"], figures["empty_sets"] = (
            float(sizes.mean()),
            int((sizes == 0).sum()),
        )
    known = int((part.rows.labels >= 0).sum())
    findings = []
    absent = [label for label, count in figures["labels"].items() if not count]
    if absent:
        message = f"no row has the label {_listed(absent)} of {part.task.verbalizer.source}"
        findings.append(Finding("warning", "classes", part.title, message))
    few = max(RARE * total / len(labels), FEW)
    rare = [label for label, count in figures["labels"].items() if 0 < count < few]
    if rare:
        if len(rare) > SHOWN:
            rare.sort(key=figures["labels"].__getitem__)
        counted = [
            f"{label} {100 * figures['labels'][label] / known:.1f} % ({figures['labels'][label]:,})"
            for label in rare
        ]
        hint = "macro-F1 hangs on rare labels as much as on the others"
        findings.append(
            Finding("warning", "classes", part.title, f"rare labels: {_first(counted)}", hint=hint)
        )
    if gaps := _gaps(labels):
        findings.append(
            Finding("note", "classes", part.title, f"the labels leave out {_listed(gaps)}")
        )
    return figures, findings


def _check_numbers(part: Part) -> tuple[dict[str, Any], list[Finding]]:
    """Count the rows in each tenth of the range; name those that no row lies in."""
    low, high = part.task.kind_spec.range
    counts = np.bincount(part.rows.labels[part.rows.labels >= 0], minlength=STRATA)
    if not counts.sum():
        return {}, []
    edges = np.linspace(low, high, STRATA + 1)
    names = [f"{edges[k]:.9g} – {edges[k + 1]:.9g}" for k in range(STRATA)]
    figures = {"targets": dict(zip(names, counts.tolist(), strict=True))}
    absent = [name for name, count in figures["targets"].items() if not count]
    if not absent:
        return figures, []
    message = f"no row has a target of {', '.join(absent)}"
    return figures, [Finding("note", "classes", part.title, message)]


def _listed(labels: list[str]) -> str:
    return _first([f'"{label}"' for label in labels])


def _first(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _gaps(labels: tuple[str, ...]) -> list[str]:
    """Return the few numbers that are missing in a run of label numbers.

    >>> _gaps(("100", "101", "102", "104")), _gaps(("1", "1000")), _gaps(("a", "b"))
    (['103'], [], [])
    """
    if not all(label.isascii() and label.isdecimal() and len(label) < 5 for label in labels):
        return []
    numbers = set(map(int, labels))
    missing = sorted(set(range(min(numbers), max(numbers))) - numbers)
    return [str(number) for number in missing] if len(missing) <= len(labels) / 4 else []
