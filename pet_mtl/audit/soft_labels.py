"""Soft labels: whether they can be read, which training rows they speak of, and what they say
otherwise than the labels do."""

from pathlib import Path

import numpy as np

from pet_mtl.audit.finding import Finding, first_places, share
from pet_mtl.audit.parts import Part
from pet_mtl.data.soft_labels import SoftLabels, read_soft_labels
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite

CHECK = "soft_labels"


def check_soft_labels(suite: Suite, parts: list[Part]) -> list[Finding]:
    """Check the soft labels of all tasks against their training and unlabelled rows."""
    findings = []
    for task in suite.tasks.values():
        sources = task.data.soft_labels
        if not sources:
            continue
        about = f"{task.name}/soft_labels"
        try:
            soft = read_soft_labels(sources, task, Path(suite.base))
        except PetMtlError as error:
            for each in error.problems:
                where = (each.where,) if each.where else ()
                findings.append(Finding("error", CHECK, about, each.message, where, each.hint))
            continue
        of_task = [part for part in parts if part.task is task and not part.measured]
        findings += _of_rows(soft, of_task, about)
    return findings


def _of_rows(soft: SoftLabels, parts: list[Part], about: str) -> list[Finding]:
    findings = []
    spoken = {part.name: ~np.isnan(soft.of(part.rows)[:, 0]) for part in parts}
    if not any(found.any() for found in spoken.values()):
        hint = "rows are found by their texts: name the file that is about these"
        return [Finding("error", CHECK, about, "no row has one of their texts", (), hint)]
    for part in parts:
        found = spoken[part.name]
        message = f"they speak of {share(int(found.sum()), len(found))} of {part.name}"
        findings.append(Finding("note", CHECK, about, message))
        rows = part.rows
        if part.name != "train" or rows.targets is not None:
            continue
        others = np.flatnonzero(found & (soft.of(rows).argmax(1) != rows.labels))
        message = (
            f"their likeliest label is another than the row's in {share(len(others), len(found))}"
        )
        findings.append(Finding("note", CHECK, about, message, first_places(rows.where, others)))
    return findings
