"""Soft labels: files that say how likely each label of a text is, by whoever judged it: another
checkpoint, another program, a large language model."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.encoding import as_utf8
from pet_mtl.data.files import data_format, open_bytes
from pet_mtl.data.json_values import (
    JsonValue,
    array_values,
    holds_array,
    json_problem,
    line_values,
)
from pet_mtl.data.jsonl import encodable, holder_of, plain_value
from pet_mtl.data.keys import row_keys
from pet_mtl.data.readers import empty_file
from pet_mtl.data.rows import Rows
from pet_mtl.data.sources import find_files
from pet_mtl.data.table import CHUNK_ROWS, BadRows
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.task import TaskSpec

LAYOUT = (
    'a line is {"text": …, "probabilities": {LABEL: p, …}}, as `pet-mtl predict --probabilities '
    "--echo` writes it, or has a `label` instead"
)
NEAR_ONE = 0.02  # how far from 1 rounded probabilities may sum


class _BadRowError(Exception):
    """What is wrong with a row."""


@dataclass(frozen=True)
class SoftLabels:
    """What is said of texts, each text once.

    Attributes:
        keys: `row_keys` of the texts, `[n]`, sorted.
        probabilities: `[n, K]`, of the labels in the verbalizer's order.
    """

    keys: NDArray[np.uint64]
    probabilities: NDArray[np.float32]

    def of(self, rows: Rows) -> NDArray[np.float32]:
        """Return the probabilities of rows, `[rows, K]`; NaN where nothing is said of a text."""
        keys = row_keys(rows)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found = self.probabilities[places]
        found[self.keys[places] != keys] = np.nan
        return found


def read_soft_labels(sources: Sequence[str], task: TaskSpec, base: Path) -> SoftLabels:
    """Read the soft labels of a task; of a text that stands there more than once the mean counts.

    Raises:
        PetMtlError: the task has no labels; a file is missing, is no JSON, or has a bad row.
    """
    if task.kind_spec.facts.target == "number":
        raise PetMtlError(
            f"`{task.name}` is of the kind `{task.kind}`: its rows have numbers, no labels",
            where=f"tasks.{task.name}.data.soft_labels",
            hint="leave `soft_labels` out",
        )
    problems = ProblemList()
    parts: list[SoftLabels] = []
    for source in sources:
        try:
            for path in find_files(source, base):
                parts += _read_file(path, task)
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    return _means(parts)


def soft_labels_of(rows: Iterable[Any], task: TaskSpec, name: str) -> SoftLabels:
    """Return soft labels of mappings in memory; see `read_soft_labels`.

    Args:
        name: of the rows, in messages.
    """
    values = (JsonValue(number, row) for number, row in enumerate(rows, start=1))
    return _means(list(_parts(values, BadRows(name, unit="row"), task)))


def _means(parts: Sequence[SoftLabels]) -> SoftLabels:
    """Return what parts say together of each text."""
    keys = np.concatenate([part.keys for part in parts])
    each, group, counts = np.unique(keys, return_inverse=True, return_counts=True)
    sums = np.zeros((len(each), parts[0].probabilities.shape[1]))
    np.add.at(sums, group, np.concatenate([part.probabilities for part in parts]))
    return SoftLabels(each, (sums / counts[:, None]).astype(np.float32))


def _read_file(path: Path, task: TaskSpec) -> list[SoftLabels]:
    if data_format(path) not in (".json", ".jsonl"):
        raise PetMtlError("soft labels are read from JSON lines", where=str(path), hint=LAYOUT)
    is_array = holds_array(path)
    bad = BadRows(str(path), unit="item" if is_array else "line")
    with open_bytes(path) as stream:
        values = (array_values if is_array else line_values)(as_utf8(stream, "utf-8"), str(path))
        return list(_parts(values, bad, task))


def _parts(values: Iterable[JsonValue], bad: BadRows, task: TaskSpec) -> Iterator[SoftLabels]:
    """Yield what rows say, unsorted, some thousands at a time.

    Raises:
        PetMtlError: a row is bad, or there is none.
    """
    length, each = 0, iter(values)
    while chunk := list(islice(each, CHUNK_ROWS)):
        length += len(chunk)
        texts, probs = [], []
        for number, value, _ in chunk:
            try:
                of_row = _texts(value, task), _probabilities(value, task)
            except _BadRowError as error:
                bad.add(number, str(error), hint=LAYOUT)
                continue
            texts.append(of_row[0])
            probs.append(of_row[1])
        if not bad.count:
            fields = dict(zip(task.fields, zip(*texts, strict=True), strict=True))
            yield SoftLabels(row_keys(Rows.of(fields)), np.array(probs, np.float32))
    if not length:
        raise empty_file(bad.path)
    if bad.count:
        raise PetMtlError(bad.shown())


def _texts(value: Any, task: TaskSpec) -> list[str]:
    """Return the fields of a row: under their columns' names or their own, or, as `predict` writes
    them, under `text`.

    Raises:
        _BadRowError: with what is wrong.
    """
    if isinstance(value, UnicodeDecodeError):
        raise _BadRowError("not UTF-8")
    if isinstance(value, Exception):
        raise _BadRowError(json_problem(value)[0])
    if not isinstance(value, dict):
        raise _BadRowError("expected an object")
    echoed = value.get("text")
    texts = []
    for field in task.fields:
        found = _field(value, field, task)
        if found is None and isinstance(echoed, dict):
            found = echoed.get(field)
        elif found is None and len(task.fields) == 1:
            found = echoed
        if not isinstance(found, str) or not encodable(found):
            raise _BadRowError(f"no text for the field `{field}`")
        texts.append(found)
    return texts


def _field(value: dict[str, Any], field: str, task: TaskSpec) -> Any:
    for key in dict.fromkeys((str(task.columns[field]), field)):
        holder, last = holder_of(value, key)
        if isinstance(holder, dict) and isinstance(holder.get(last), str):
            return holder[last]
    return None


def _probabilities(value: dict[str, Any], task: TaskSpec) -> list[float]:
    """Return `[K]` what a row says of each label; labels that it leaves out have 0.

    Raises:
        _BadRowError: with what is wrong.
    """
    several = task.kind_spec.facts.target == "labels"
    said = value.get("probabilities")
    if said is None:
        said = _certain(value, several)
    if not isinstance(said, dict):
        raise _BadRowError("`probabilities` is no object of labels")
    probs = dict.fromkeys(task.verbalizer.labels, 0.0)
    for label, p in said.items():
        if label not in probs:
            near = get_close_matches(label, probs, 1)
            known = f", did you mean {quoted(near[0])}?" if near else ""
            raise _BadRowError(f"{quoted(label)} is no label of {task.verbalizer.source}{known}")
        if p is None:  # how tables with a column for each label have what is left out
            continue
        is_number = isinstance(p, int | float | np.floating) and not isinstance(p, bool)
        share = float(min(p, 2)) if is_number else math.nan  # `min`: too large for a float
        if not 0 <= share <= 1 + NEAR_ONE:
            raise _BadRowError(f"the probability of {quoted(label)} is no number from 0 to 1")
        probs[label] = min(share, 1.0)
    total = math.fsum(probs.values())
    if several:
        return list(probs.values())
    if abs(total - 1) > NEAR_ONE:
        raise _BadRowError(f"the probabilities sum to {total:.4g}, expected 1")
    return [p / total for p in probs.values()]


def _certain(value: dict[str, Any], several: bool) -> Any:
    """Return the probabilities of a row that names its label, or its set of labels, alone."""
    key = "labels" if several else "label"
    if key not in value:
        raise _BadRowError(f"neither `probabilities` nor `{key}`")
    labels = value[key] if several and isinstance(value[key], list) else [value[key]]
    return {str(plain_value(label)): 1.0 for label in labels}
