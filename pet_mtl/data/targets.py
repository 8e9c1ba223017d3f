"""Label cells to targets: what a row's label column says, by the kind of its task."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pet_mtl.data.table import BadRows
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.label_lines import format_field, quoted
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer

_WHOLE = r"^(-?[0-9]+)\.0+$"

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
    labels = _label_numbers(column, task.verbalizer)
    good = np.ones(len(labels), bool)
    if labelled and (labels < 0).any():
        good = _note_unknown(labels, column, lines, task, bad)
    return labels, None, good


def _label_numbers(column: pa.ChunkedArray, verbalizer: Verbalizer) -> NDArray[np.int64]:
    """Return the number of each row's label, -1 where it is unknown; white space around a label is
    ignored."""
    known = pa.array([label.strip() for label in verbalizer.labels], pa.string())
    column = pc.utf8_trim_whitespace(column)
    found = pc.index_in(column, known)
    if found.null_count:
        # A whole number with a point, `1.0` in JSON, is the `1` of Parquet and of the verbalizer,
        # and the reverse.
        wholes = pc.replace_substring_regex(known, _WHOLE, r"\1")
        if len(pc.unique(wholes)) == len(known):
            found = pc.coalesce(
                found, pc.index_in(pc.replace_substring_regex(column, _WHOLE, r"\1"), wholes)
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
    file = task.verbalizer.source
    if not good.any() and len(labels) > 1:
        examples = ", ".join(quoted(_short(value)) for value in pc.unique(column)[:3].to_pylist())
        known = ", ".join(map(quoted, task.verbalizer.labels[:5]))
        message = (
            f"none of the {len(labels)} labels is in {file}: found {examples}, known are {known}"
        )
        hint = (
            f"is `{task.columns['label']}` the right label column, and {file} the right verbalizer?"
        )
        raise PetMtlError(message, where=bad.path, hint=hint)
    only_first = lines[0] == 1 and not good[0] and good[1:].all() and len(good) > 1
    for index in np.flatnonzero(~good):
        label = column[int(index)].as_py().strip()
        message = f"label {quoted(_short(label))} is not in {file}"
        hint = f"add a line to {file}: {format_field(label)}  WORD; or mend the row"
        if not label:
            message, hint = "the label is empty", ("a row to train or score on needs its label")
        elif only_first:
            hint = "is line 1 a header? then write names instead of positions in `columns`"
        bad.add(int(lines[index]), message, hint=hint)
    return good


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
