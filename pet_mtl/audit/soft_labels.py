"""Soft labels: whether they can be read, which rows they speak of, what they say otherwise than the
labels do, and a copy whose texts are mended as those of the rows are."""

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from pet_mtl.audit.characters import mend_text
from pet_mtl.audit.finding import Finding, first_places, share
from pet_mtl.audit.parts import Part
from pet_mtl.data.json_values import holds_array
from pet_mtl.data.jsonl import holder_of
from pet_mtl.data.rows import Rows
from pet_mtl.data.soft_labels import SoftLabels, read_soft_labels, soft_label_values
from pet_mtl.data.suite_data import split_rows
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import SplitSpec, TaskSpec
from pet_mtl.text import indented_json

CHECK = "soft_labels"


def check_soft_labels(suite: Suite, parts: list[Part]) -> list[Finding]:
    """Check the soft labels of all tasks against the rows that are learned from."""
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
        learned = {part.name: _learned(part, suite.train.seed) for part in of_task}
        findings += _of_rows(soft, learned, about)
    return findings


def _learned(part: Part, seed: int) -> Rows:
    """Return the rows of a part without those that are held out of it."""
    dev = part.task.data.dev
    if part.name != "train" or not isinstance(dev, SplitSpec):
        return part.rows
    try:
        return split_rows(part.rows, dev, part.task.name, seed, part.keys)[0]
    except PetMtlError:  # none can be held out, which `train` says
        return part.rows


def _of_rows(soft: SoftLabels, learned: Mapping[str, Rows], about: str) -> Iterator[Finding]:
    spoken = {name: soft.speaks_of(rows) for name, rows in learned.items()}
    if not any(found.any() for found in spoken.values()):
        hint = "rows are found by their texts: name the file that is about these"
        yield Finding("error", CHECK, about, "no row has one of their texts", (), hint)
        return
    for name, found in spoken.items():
        message = f"they speak of {share(int(found.sum()), len(found))} of {name}"
        yield Finding("note", CHECK, about, message)
        rows = learned[name]
        if name == "train" and rows.targets is None and found.any():
            others = np.flatnonzero(found & (soft.of(rows).argmax(1) != rows.labels))
            count = share(len(others), int(found.sum()))
            message = f"their likeliest label is another than the row's in {count}"
            yield Finding("note", CHECK, about, message, first_places(rows.where, others))


def mended_soft_labels(path: Path, tasks: Sequence[TaskSpec]) -> str:
    """Return a file of soft labels in which the texts of the tasks are mended as their rows are, so
    that it still speaks of these; all rows stay."""
    names = {name for task in tasks for name in task.fields}
    columns = {str(task.columns[name]) for task in tasks for name in task.fields}
    rows = [_mended(value.value, {"text", *names, *columns}) for value in soft_label_values(path)]
    if holds_array(path):
        return indented_json(rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _mended(row: Any, names: Set[str]) -> Any:
    for name in names:
        holder, last = holder_of(row, name)
        found = holder.get(last) if isinstance(holder, dict) else None
        if isinstance(found, str):
            holder[last] = mend_text(found)[0]
        elif isinstance(found, dict):
            holder[last] = _mended(found, names)
    return row
