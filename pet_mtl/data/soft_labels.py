"""Soft labels: files that say how likely each label of a text is, by whoever judged it: another
checkpoint, another program, a large language model."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.encoding import as_utf8
from pet_mtl.data.files import Unpacked, data_format, open_bytes
from pet_mtl.data.json_values import JsonValue, array_values, holds_array, json_problem, line_values
from pet_mtl.data.jsonl import encodable, holder_of, plain_value
from pet_mtl.data.keys import row_keys
from pet_mtl.data.label_text import WHOLE, is_missing, label_cell, label_text
from pet_mtl.data.readers import empty_file
from pet_mtl.data.rows import Rows
from pet_mtl.data.set_cells import SetReader, shortened
from pet_mtl.data.sources import find_files
from pet_mtl.data.table import CHUNK_ROWS, BadRows, encoding_problem
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.task import TaskSpec

LAYOUT = (
    'a line is {"text": …, "probabilities": {LABEL: p, …}}, as `pet-mtl predict --probabilities '
    "--echo` writes it, or has the label alone"
)
NEAR_ONE = 0.02  # how far from 1 rounded probabilities may sum
CHUNK_NUMBERS = 1 << 22  # probabilities that are read at a time


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

    def speaks_of(self, rows: Rows) -> NDArray[np.bool_]:
        """Return `[rows]` of which rows something is said."""
        return np.isin(row_keys(rows), self.keys)


class _BadRowError(Exception):
    """What is wrong with a row, and what to do where the layout is no answer."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint or LAYOUT


class _UnknownLabelError(_BadRowError):
    """A label that a task lacks. To look for one that is near takes milliseconds, of each row of a
    wrong file hours: it is done where the message is read."""

    def __init__(self, label: str, known: Collection[str], file: str) -> None:
        super().__init__(label)
        self._known, self._file = known, file

    def __str__(self) -> str:
        label = self.args[0]
        near = get_close_matches(label[:100], self._known, 1)
        meant = f", did you mean {quoted(near[0])}?" if near else ""
        return f"{quoted(shortened(label))} is no label of {self._file}{meant}"


def read_soft_labels(sources: Sequence[str], task: TaskSpec, base: Path) -> SoftLabels:
    """Read the soft labels of a task; of a text that stands there more than once the mean counts.

    Raises:
        PetMtlError: the task has no labels; a file is missing, is no JSON, or has a bad row.
    """
    problems = ProblemList()
    paths: dict[Path, None] = {}
    for source in sources:
        try:
            paths |= dict.fromkeys(path.resolve() for path in find_files(source, base))
        except PetMtlError as error:
            problems.extend(error)
    sums = _Sums(task)
    for path in paths:
        try:
            sums.read(soft_label_values(path), BadRows(str(path), unit=_unit(path)), Unpacked(path))
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    return sums.means()


def require_spoken(soft: SoftLabels, task: TaskSpec, *parts: Rows | None) -> None:
    """Refuse soft labels that speak of none of a task's rows.

    Raises:
        PetMtlError: they are about other texts.
    """
    if not any(part is not None and soft.speaks_of(part).any() for part in parts):
        raise PetMtlError(
            f"the soft labels of `{task.name}` are about other texts: none of them is a training "
            "or unlabelled one",
            where=f"tasks.{task.name}.data.soft_labels",
            hint="rows are found by their texts: name the file that is about these",
        )


def soft_labels_of(rows: Sequence[Any], task: TaskSpec, name: str) -> SoftLabels:
    """Return soft labels of mappings in memory; see `read_soft_labels`.

    Args:
        name: of the rows, in messages.
    """
    if not rows:
        raise PetMtlError("`soft_labels` holds no rows", where=f"task {task.name}")
    sums = _Sums(task)
    values = (JsonValue(number, row) for number, row in enumerate(rows, start=1))
    sums.read(values, BadRows(name, unit="row"))
    return sums.means()


def _unit(path: Path) -> str:
    """Return what a file's rows are called.

    Raises:
        PetMtlError: it is no JSON file.
    """
    if data_format(path) not in (".json", ".jsonl"):
        raise PetMtlError("soft labels are read from JSON lines", where=str(path), hint=LAYOUT)
    return "item" if holds_array(path) else "line"


def soft_label_values(path: Path) -> Iterator[JsonValue]:
    """Yield the values of a file, each a row, or the exception where it is none."""
    with open_bytes(path) as stream:
        text = as_utf8(stream, "utf-8")
        yield from (array_values if holds_array(path) else line_values)(text, str(path))


class _Sums:
    """The sum of what is said of each text, and how often it is said."""

    def __init__(self, task: TaskSpec) -> None:
        if task.kind_spec.facts.target == "number":
            raise PetMtlError(
                f"`{task.name}` is of the kind `{task.kind}`: its rows have numbers, no labels",
                where=f"tasks.{task.name}.data.soft_labels",
                hint="leave `soft_labels` out; what a program says of a row can be its number",
            )
        self._rows = _RowReader(task)
        self._fields, self._labels = task.fields, len(task.verbalizer.labels)
        self._parts: list[_Part] = []

    def read(
        self, values: Iterator[JsonValue], bad: BadRows, unpacked: Unpacked | None = None
    ) -> None:
        """Add the rows of one file.

        Raises:
            PetMtlError: a row is bad, or there is none; they take more memory than such a file
                honestly fills.
        """
        most = max(1, min(CHUNK_ROWS, CHUNK_NUMBERS // self._labels))
        length = 0
        while chunk := list(islice(values, most)):
            length += len(chunk)
            texts: list[list[str]] = []
            probs = np.zeros((len(chunk), self._labels), np.float32)
            for number, value, _ in chunk:
                try:
                    of_row = self._rows.read(value, bad.path, probs[len(texts)])
                except _BadRowError as error:
                    bad.add(number, error, hint=error.hint)
                else:
                    texts.append(of_row)
            if not bad.count:
                columns = zip(*texts, strict=True)
                keys = row_keys(Rows.of(dict(zip(self._fields, columns, strict=True))))
                part = _summed([_Part(keys, probs, np.ones(len(keys), np.int64))])
                self._parts.append(part)
                if unpacked is not None:
                    unpacked.add(len(part.keys), part.sums.nbytes)
        if bad.count:
            raise PetMtlError(bad.shown())
        if not length:
            raise empty_file(bad.path)

    def means(self) -> SoftLabels:
        """Return what was said of each text on the whole."""
        whole = _summed(self._parts)
        return SoftLabels(whole.keys, (whole.sums / whole.counts[:, None]).astype(np.float32))


class _Part(NamedTuple):
    """Texts by key, `[n]`; the sum of what is said of each, `[n, K]`; how often, `[n]`."""

    keys: NDArray[np.uint64]
    sums: NDArray[np.float32]
    counts: NDArray[np.int64]


def _summed(parts: Sequence[_Part]) -> _Part:
    """Return parts as one, each text once."""
    every = np.concatenate([part.keys for part in parts])
    keys, place = np.unique(every, return_inverse=True)
    sums = np.zeros((len(keys), parts[0].sums.shape[1]), np.float32)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(sums, place, np.concatenate([part.sums for part in parts]))
    np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
    return _Part(keys, sums, counts)


class _RowReader:
    """Reads the rows of one task as its training rows are read: numbers and true are text, labels
    are stripped, a set is a list or text with separators."""

    def __init__(self, task: TaskSpec) -> None:
        self._task = task
        self._several = task.kind_spec.facts.target == "labels"
        labels = task.verbalizer.labels
        self._place = {label.strip(): place for place, label in enumerate(labels)}
        wholes = {re.sub(WHOLE, r"\1", label): place for label, place in self._place.items()}
        self._wholes = wholes if len(wholes) == len(labels) else {}
        self._sets = SetReader(task.verbalizer.labels, task.separator)

    def read(self, value: Any, path: str, probs: NDArray[np.float32]) -> list[str]:
        """Return the fields of a row, and fill in `[K]` what it says of each label.

        Fields stand under their columns' names or their own, or, as `predict` writes them, under
        `text`. Labels that are left out have 0.

        Raises:
            _BadRowError: something is missing or wrong.
        """
        if isinstance(value, UnicodeDecodeError):
            raise _BadRowError(*encoding_problem(value.object, path))
        if isinstance(value, Exception):
            raise _BadRowError(*json_problem(value))
        if not isinstance(value, Mapping):
            raise _BadRowError("expected an object")
        value = dict(value)
        texts = [self._text(value, field) for field in self._task.fields]
        said = value.get("probabilities")
        if is_missing(said):
            for label in self._certain(value):
                probs[self._place_of(label)] = 1
        elif isinstance(said, Mapping):
            self._fill(said, probs)
        else:
            raise _BadRowError("`probabilities` is no object of labels")
        return texts

    def _text(self, value: dict[str, Any], field: str) -> str:
        found = _under(value, str(self._task.columns[field]), field)
        if found is None or isinstance(found, dict):
            echoed = value.get("text")
            if isinstance(echoed, dict):
                found = _under(echoed, field)
            elif len(self._task.fields) == 1:
                found = echoed
        found = plain_value(found)
        if isinstance(found, Real) and not is_missing(found):
            found = str(found)
        if not isinstance(found, str):
            raise _BadRowError(f"no text for the field `{field}`")
        if not encodable(found):
            raise _BadRowError(f"the text of `{field}` holds half a surrogate pair")
        return found

    def _fill(self, said: Mapping[Any, Any], probs: NDArray[np.float32]) -> None:
        filled = set()
        for label, p in said.items():
            place = self._place_of(label_text(label))
            if is_missing(p):  # how tables with a column for each label have what is left out
                continue
            is_number = isinstance(p, Real) and not isinstance(p, bool)
            # `min` first: a number may be too large for a float
            share = float(min(cast(float, p), 2)) if is_number else math.nan
            if not 0 <= share <= 1 + NEAR_ONE:
                raise _BadRowError(
                    f"the probability of {quoted(label_text(label))} is no number from 0 to 1"
                )
            if place in filled:
                raise _BadRowError(f"{quoted(label_text(label))} stands there twice")
            filled.add(place)
            probs[place] = min(share, 1.0)
        total = math.fsum(probs)
        if not self._several:
            if abs(total - 1) > NEAR_ONE:
                raise _BadRowError(f"the probabilities sum to {total:.4g}, expected 1")
            probs /= total

    def _certain(self, value: dict[str, Any]) -> list[str]:
        """Return the label that a row has alone, or its labels."""
        own = str(self._task.columns.get("label", "label"))
        found = _under(value, own, *(("labels", "label") if self._several else ("label",)))
        if is_missing(found):
            key = "labels" if self._several else "label"
            raise _BadRowError(f"neither `probabilities` nor `{key}`")
        cell = label_cell(found if self._several else plain_value(found))
        if not self._several:
            return [cell]
        read = self._sets.read(cell)
        if read.problem:
            raise _BadRowError(read.problem)
        return read.labels

    def _place_of(self, label: str) -> int:
        label = label.strip()
        place = self._place.get(label)
        if place is None:
            place = self._wholes.get(re.sub(WHOLE, r"\1", label))
        if place is None:
            raise _UnknownLabelError(label, self._place, self._task.verbalizer.source)
        return place


def _under(value: Any, *keys: str) -> Any:
    """Return the value of the first key that an object has, which may be one of keys (`data.text`);
    None without any."""
    if not isinstance(value, dict):
        return None
    for key in keys:
        holder, last = holder_of(value, key)
        if isinstance(holder, dict) and not is_missing(holder.get(last)):
            return holder[last]
    return None
