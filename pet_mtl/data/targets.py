"""Label cells to targets: what a row's label column says, by the kind of its task."""

import json
import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pet_mtl.data.label_text import WHOLE
from pet_mtl.data.set_cells import TEXT, SetReader, shortened
from pet_mtl.data.table import BadRows
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.kind import set_text
from pet_mtl.suite.label_lines import line_for, quoted
from pet_mtl.suite.levels import path_of
from pet_mtl.suite.task import TaskSpec
from pet_mtl.text import INVISIBLE

_UNSEEN = re.compile(f"[{INVISIBLE}\ufe00-\ufe0f]")
STRATA = 10  # parts of a range that a split keeps in proportion

# labels and targets as `Rows` has them, and which rows are good
Targets = tuple[NDArray[np.int64], NDArray[np.float32] | None, NDArray[np.bool_]]


def read_targets(
    column: pa.ChunkedArray,
    lines: NDArray[np.int64],
    task: TaskSpec,
    labelled: bool,
    bad: BadRows,
) -> Targets:
    """Return labels and targets as `Rows` has them, and which rows are good; bad ones are noted.

    Where rows need not be `labelled`, all are good, and what cannot be read is no label.

    Raises:
        PetMtlError: no row's label is known.
    """
    return _READERS[task.kind_spec.facts.target](column, lines, task, labelled, bad)


def no_targets(rows: int, task: TaskSpec) -> NDArray[np.float32] | None:
    """Return the targets of rows without any, as `read_targets` gives them."""
    match task.kind_spec.facts.target:
        case "labels":
            return np.full((rows, len(task.verbalizer.labels)), -1, np.float32)
        case "number":
            return np.full(rows, np.nan, np.float32)
        case _:
            return None


def target_text(target: float | NDArray[np.floating], task: TaskSpec) -> str:
    """Return a row's target, its `Rows.gold`, as people read it."""
    labels = task.verbalizer.labels
    match task.kind_spec.facts.target:
        case "labels":
            names = [labels[k] for k in np.flatnonzero(np.asarray(target) > 0)]
            return set_text(names, labels, task.separator)
        case "number":
            return _number_text(np.float32(target))
        case _:
            return labels[int(np.asarray(target))]


def _number_text(number: float | np.float32) -> str:
    """Return a number in full, without an exponent: two that differ are two texts."""
    return np.format_float_positional(number, trim="-")


def label_counts(
    labels: NDArray[np.int64], targets: NDArray[np.float32] | None, task: TaskSpec
) -> NDArray[np.int64]:
    """Return how many rows have each label, `[K]`; empty where targets are numbers."""
    match task.kind_spec.facts.target:
        case "labels":
            assert targets is not None
            return np.asarray((targets > 0).sum(0))
        case "number":
            return np.empty(0, np.int64)
        case _:
            return np.bincount(labels[labels >= 0], minlength=len(task.verbalizer.labels))


def _label(
    column: pa.ChunkedArray,
    lines: NDArray[np.int64],
    task: TaskSpec,
    labelled: bool,
    bad: BadRows,
) -> Targets:
    """Read cells that hold one of the labels."""
    labels = _label_numbers(column, task.verbalizer.labels)
    good = np.ones(len(labels), bool)
    if labelled and (labels < 0).any():
        good = _note_unknown(labels, column, lines, task, bad)
    return labels, None, good


def _labels(
    column: pa.ChunkedArray,
    lines: NDArray[np.int64],
    task: TaskSpec,
    labelled: bool,
    bad: BadRows,
) -> Targets:
    """Read cells that hold a set of labels: a JSON list, or text split at the separator.

    A row's label is the first of its labels in the verbalizer's order, or their number where it has
    none.
    """
    reader = SetReader(task.verbalizer.labels, task.separator)
    cells = [reader.read(cell) for cell in column.to_pylist()]
    items = [item for cell in cells for item in cell.labels]
    found = _label_numbers(pa.chunked_array([pa.array(items, pa.string())]), task.verbalizer.labels)
    number = dict(zip(items, found.tolist(), strict=True))
    usual, usual_line = next(
        ((cell.form, int(line)) for cell, line in zip(cells, lines, strict=True) if cell.form),
        ("", 0),
    )
    targets = np.zeros((len(cells), len(task.verbalizer.labels)), np.float32)
    by_form = _by_form(task)
    good = np.ones(len(cells), bool)
    file = task.verbalizer.source
    for row, cell in enumerate(cells):
        problem: tuple[str, str] | None = None
        if cell.problem:
            problem = cell.problem, _HINT.format(separator=task.separator)
        elif cell.form and cell.form != usual and labelled:
            problem = (
                f"the labels are {cell.form} here and {usual} on line {usual_line}",
                "write all rows of a file in one way: JSON lists, or text split at `separator`",
            )
        elif unknown := [item for item in cell.labels if number[item] < 0]:
            problem = _unknown_of_set(unknown[0], task, reader)
            if row == 0 and lines[0] == 1 and len(cells) > 1 and cell.form == TEXT:
                problem = problem[0], bad.header_hint or problem[1]
            if twin := by_form.get(_form(unknown[0])):
                problem = _form_problem(unknown[0], twin, file)
        elif not cell.labels and not task.no:
            problem = (
                "the set of labels is empty",
                "give the task `no:` words, which stand for none of the labels; or drop the row",
            )
        elif cell.form == TEXT and labelled and (one := reader.doubt(cell.labels)):
            problem = (
                f"{quoted(shortened(task.separator.join(cell.labels)))} may hold the label "
                f"{quoted(shortened(one))} of {file}, or its parts as labels",
                "write all rows of the file as JSON lists, or with another `separator`",
            )
        if problem is None:
            targets[row, [number[item] for item in cell.labels]] = 1
            continue
        targets[row] = -1
        good[row] = False
        if labelled:
            bad.add(int(lines[row]), problem[0], hint=problem[1], fault="label")
    known_rows = targets[:, 0] >= 0
    first = np.where((targets > 0).any(1), (targets > 0).argmax(1), targets.shape[1])
    labels = np.where(known_rows, first, -1).astype(np.int64)
    return labels, targets, good if labelled else np.ones(len(cells), bool)


_HINT = (
    "a row's labels are a JSON list, or text split at `separator: {separator}`; an explicit `[]` "
    "stands for none of them in a task with `no:` words"
)


def _unknown_of_set(label: str, task: TaskSpec, reader: SetReader) -> tuple[str, str]:
    file = task.verbalizer.source
    known = ", ".join(map(quoted, task.verbalizer.labels[:8]))
    hint = (
        f"known are {known}; add a line to {file}, mend the row, or is "
        f"{quoted(task.separator)} the right `separator`?"
    )
    if holding := reader.holds_separator:
        hint = f"{hint} labels that hold it, such as {quoted(holding)}, need JSON lists"
    return f"label {quoted(shortened(label))} of the row's set is not in {file}", hint


def _number(
    column: pa.ChunkedArray,
    lines: NDArray[np.int64],
    task: TaskSpec,
    labelled: bool,
    bad: BadRows,
) -> Targets:
    """Read cells that hold a number of the task's range; a row's label is which tenth of it."""
    low, high = task.kind_spec.range
    cells = column.to_pylist()
    values = np.array([_float(cell) for cell in cells], np.float64)
    with np.errstate(invalid="ignore"):
        inside = (values >= low) & (values <= high)
    if labelled:
        header_hint = _header_hint(lines, inside, bad)
        ends = f"{_number_text(low)} to {_number_text(high)}"
        for row in np.flatnonzero(~inside):
            shown = quoted(shortened(cells[row].strip()))
            message = (
                f"the target {shown} is outside the range {ends}"
                if np.isfinite(values[row])
                else f"the target {shown} is not a number"
            )
            hint = f"`range: [LOW, HIGH]` of the task says what targets there are; here {ends}"
            if not cells[row].strip():
                message, hint = "the target is empty", "a row to train or score on needs its target"
            elif header_hint and np.isnan(values[row]):
                hint = header_hint
            bad.add(int(lines[row]), message, hint=hint, fault="label")
    values[~inside] = np.nan
    place = np.where(inside, (values - low) / (high - low), 0)
    labels = np.where(inside, np.minimum((place * STRATA).astype(np.int64), STRATA - 1), -1)
    good = inside if labelled else np.ones(len(cells), bool)
    return labels.astype(np.int64), values.astype(np.float32), good


def _float(cell: str) -> float:
    """Return a finite number, or one that is none: written by hand, not `nan`, `1_000` or `inf`."""
    try:
        value = float(cell) if "_" not in cell else float("nan")
    except ValueError:
        return float("nan")
    return value if abs(value) < float("inf") else float("nan")


def _label_numbers(column: pa.ChunkedArray, labels: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the number of each cell's label, -1 where it is unknown; white space around a label is
    ignored, and how truth values are written."""
    known = pa.array([label.strip() for label in labels], pa.string())
    column = pc.utf8_trim_whitespace(column)
    found = pc.index_in(column, known)
    if found.null_count and sorted(label.strip().lower() for label in labels) == ["false", "true"]:
        # pandas writes `True` into csv, and `true` into JSON
        found = pc.index_in(pc.utf8_lower(column), pc.utf8_lower(known))
    if found.null_count:
        wholes = pc.replace_substring_regex(known, WHOLE, r"\1")
        if len(pc.unique(wholes)) == len(known):
            found = pc.coalesce(
                found, pc.index_in(pc.replace_substring_regex(column, WHOLE, r"\1"), wholes)
            )
    numbers: NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return numbers


def _note_unknown(
    labels: NDArray[np.int64],
    column: pa.ChunkedArray,
    lines: NDArray[np.int64],
    task: TaskSpec,
    bad: BadRows,
) -> NDArray[np.bool_]:
    """Note the rows with unknown labels and return which rows are good.

    Raises:
        PetMtlError: no row's label is known.
    """
    good = labels >= 0
    file, by_form = task.verbalizer.source, _by_form(task)
    if not good.any() and len(labels) > 1:
        first = column[0].as_py().strip()
        if twin := by_form.get(_form(first)):
            message, hint = _form_problem(first, twin, file)
            raise PetMtlError(message, where=f"{bad.path}:{int(lines[0])}", hint=hint)
        examples = ", ".join(
            quoted(shortened(value)) for value in pc.unique(column)[:3].to_pylist()
        )
        known = ", ".join(map(quoted, task.verbalizer.labels[:5]))
        message = (
            f"none of the {len(labels)} labels is in {file}: found {examples}, known are {known}"
        )
        hint = (
            f"is `{task.columns['label']}` the right label column, and {file} the right verbalizer?"
        )
        raise PetMtlError(message, where=bad.path, hint=hint)
    header_hint = _header_hint(lines, good, bad)
    leaves = reversed(task.verbalizer.labels if task.levels else ())
    # the first label below each name
    below = {name: leaf for leaf in leaves for name in path_of(leaf, task.level_separator)[:-1]}
    for index in np.flatnonzero(~good):
        label = column[int(index)].as_py().strip()
        message = f"label {quoted(shortened(label))} is not in {file}"
        hint = f"add a line to {file}: {line_for(label, file)}; or mend the row"
        if label in below:
            message = (
                f"label {quoted(shortened(label))} has others below it, such as "
                f"{quoted(below[label])}"
            )
            hint = (
                "give the row one of these; for rows of no other, write a label of their own: "
                f"{label}{task.level_separator}other"
            )
        twin = by_form.get(_form(label))
        if twin is not None:
            message, hint = _form_problem(label, twin, file)
        elif not label:
            message, hint = "the label is empty", "a row to train or score on needs its label"
        elif header_hint:
            hint = header_hint
        bad.add(int(lines[index]), message, hint=hint, fault="label")
    return good


def _header_hint(lines: NDArray[np.int64], good: NDArray[np.bool_], bad: BadRows) -> str | None:
    """Return what to do where line 1 alone is bad, which may be a header."""
    only_first = len(good) > 1 and lines[0] == 1 and not good[0] and good[1:].all()
    return bad.header_hint if only_first else None


def _form(label: str) -> str:
    """Return what all labels that look the same have in common."""
    spaced = "".join(" " if letter.isspace() else letter for letter in label.strip())
    return _UNSEEN.sub("", unicodedata.normalize("NFC", spaced))


def _by_form(task: TaskSpec) -> dict[str, str]:
    """Return the labels of a task by their `_form`."""
    return {_form(label): label for label in task.verbalizer.labels}


def _form_problem(label: str, known: str, file: str) -> tuple[str, str]:
    """Return message and hint for a label that differs from a known one only in its form."""
    accents = unicodedata.normalize("NFC", label) == unicodedata.normalize("NFC", known.strip())
    how = "its Unicode form" if accents else "what cannot be seen"
    message = f"label {quoted(shortened(label))} differs from that of {file} only in {how}"
    hint = (
        f"the data has {json.dumps(shortened(label))}, {file} {json.dumps(shortened(known))}; "
        f"write both {'in one form, such as NFC' if accents else 'alike'}"
    )
    return message, hint


_READERS: dict[
    str,
    Callable[[pa.ChunkedArray, NDArray[np.int64], TaskSpec, bool, BadRows], Targets],
] = {"label": _label, "labels": _labels, "number": _number}
