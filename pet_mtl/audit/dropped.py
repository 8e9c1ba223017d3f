"""The rows that `data clean` drops: leaks, contradictory labels and repeats, for all tasks that
read them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from pet_mtl.audit.whole_rows import Record, Records
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.table import BadRows
from pet_mtl.data.targets import read_targets, target_text
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.task import LABEL_COLUMN, TaskSpec
from pet_mtl.text import counted

Conflicts = Literal["majority", "drop"]


class Row(NamedTuple):
    """A row as one reader sees it: the key of its text and what its label says, None for what is no
    label of the task."""

    found: Records
    record: Record
    key: int
    label: str | None


@dataclass(frozen=True)
class Reading:
    """What one part of a task reads of the files."""

    task: str
    part: str
    rows: list[Row]

    @property
    def scored(self) -> bool:
        return self.part in ("dev", "test")

    @property
    def left(self) -> list[Row]:
        """Return the rows that are not dropped."""
        return [row for row in self.rows if not row.record.dropped]


def reading_of(task: TaskSpec, part: str, files: Sequence[Records]) -> Reading:
    """Return what a part of a task reads of `files`, whose texts are mended already."""
    rows = [(found, record) for found in files for record in found.records]
    if not rows:
        return Reading(task.name, part, [])
    columns = {
        name: [text for found in files for text in found.texts(name)] for name in task.fields
    }
    labels: list[str | None] = [""] * len(rows)
    if part != "unlabelled":
        lists = task.kind_spec.facts.target == "labels"
        cells = [text for found in files for text in found.texts(LABEL_COLUMN, lists=lists)]
        labels = _answers(cells, task)
    keys = row_keys(Rows.of(columns)).tolist()
    read = [Row(*row, key, label) for row, key, label in zip(rows, keys, labels, strict=True)]
    return Reading(task.name, part, read)


def drop_rows(readings: Sequence[Reading], conflicts: Conflicts) -> list[str]:
    """Drop rows, and say which leaks stay, for people.

    A row that several parts read goes where one of them has another label for its text, or leaks;
    as a repeat it goes where it is one for all: another task may read more of it.
    """
    for reading in readings:
        _drop_conflicts(reading, conflicts)
    scorers = {
        row.found.path: f"{reading.task}/{reading.part}"
        for reading in readings
        if reading.scored
        for row in reading.rows
    }
    stay = []
    for reading in readings:
        if not reading.scored:
            measured = {
                row.key
                for other in readings
                if other.scored and other.task == reading.task
                for row in other.left
            }
            stay += _drop_leaks(reading, measured, scorers)
    _drop_repeats(readings)
    for reading in readings:
        for found in {id(row.found): row.found for row in reading.rows}.values():
            found.prune()
    return stay


def _drop_conflicts(reading: Reading, conflicts: Conflicts) -> None:
    rows = reading.left
    settled = _settle([row.key for row in rows], [row.label for row in rows], conflicts)
    for row in rows:
        own = row.label
        if own is None:
            continue  # a label that the task lacks: it is for the user to mend
        label = settled.get(row.key, own)
        if label is None:
            row.found.drop(row.record, f"its text has several labels: {quoted(own)} here")
        elif label != own:
            row.found.drop(
                row.record,
                f"most rows of its text have another label: {quoted(label)}, not {quoted(own)}",
            )


def _drop_leaks(reading: Reading, measured: set[int], scorers: Mapping[Any, str]) -> list[str]:
    """Drop rows that the task is measured on, and say where they stay: in files that hold dev or
    test rows themselves."""
    staying: Counter[Any] = Counter()
    for row in reading.left:
        if row.key in measured:
            if row.found.path in scorers:
                staying[row.found.path] += 1
            else:
                row.found.drop(row.record, "its text is a dev or test row")
    return [
        f"{path}: {counted(count, 'row')} of {reading.task}/{reading.part} with the text of a dev "
        f"or test row, for the file is {scorers[path]} too"
        for path, count in staying.items()
    ]


def _drop_repeats(readings: Sequence[Reading]) -> None:
    seen_by: dict[int, list[tuple[int, Row]]] = {}
    for number, reading in enumerate(readings):
        for row in reading.left:
            seen_by.setdefault(id(row.record), []).append((number, row))
    first: list[dict[int, Row]] = [{} for _ in readings]
    for views in seen_by.values():
        known = [(number, row) for number, row in views if row.label is not None]
        earlier = [first[number].get(row.key) for number, row in known]
        if len(known) == len(views) and earlier[0] and all(earlier):
            row, other = views[0][1], earlier[0].found.path
            place = "" if other == row.found.path else f" of {other}"
            line = earlier[0].record.line
            row.found.drop(row.record, f"repeats an earlier row: line {line}{place}")
        else:
            for number, row in known:
                first[number].setdefault(row.key, row)


def _answers(cells: Sequence[str], task: TaskSpec) -> list[str | None]:
    """Return what label cells say, alike for what is alike to the task (sets in any order, `2` and
    `2.0`); None for what is no label of it."""
    texts = [cell.strip() for cell in cells]
    column = pa.chunked_array([pa.array(texts, pa.string())])
    lines = np.arange(1, len(texts) + 1)
    labels, targets, _ = read_targets(column, lines, task, False, BadRows(""))
    gold = labels if targets is None else targets
    known = zip(labels >= 0, gold, strict=True)
    return [target_text(target, task) if there else None for there, target in known]


def _settle(
    keys: Sequence[int], labels: Sequence[str | None], conflicts: Conflicts
) -> Mapping[int, str | None]:
    """Return the label of each text that has several, None for "drop all of its rows"; rows
    without a label of the task have no say.

    >>> _settle([1, 1, 1, 2, 2, 3], ["a", "b", "a", "a", "b", "a"], "majority")
    {1: 'a', 2: None}
    >>> _settle([1, 1, 1, 2, 2, 3], ["a", "b", "a", "a", "b", "a"], "drop")
    {1: None, 2: None}
    """
    counts: dict[int, Counter[str]] = {}
    for key, label in zip(keys, labels, strict=True):
        if label is not None:
            counts.setdefault(key, Counter())[label] += 1
    settled: dict[int, str | None] = {}
    for key, of_text in counts.items():
        if len(of_text) < 2:
            continue
        (label, most), (_, second) = of_text.most_common(2)
        settled[key] = label if conflicts == "majority" and most > second else None
    return settled
