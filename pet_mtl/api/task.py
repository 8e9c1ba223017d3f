"""A task of a program: what a section of a pattern file says, and rows in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pet_mtl.data.jsonl import encodable, plain_value
from pet_mtl.data.keys import row_keys
from pet_mtl.data.label_text import label_cell, words_by_label
from pet_mtl.data.memory import MEMORY, named_labels, row_list, text_columns
from pet_mtl.data.rows import Rows
from pet_mtl.data.soft_labels import read_soft_labels, require_spoken, soft_labels_of
from pet_mtl.data.suite_data import (
    TaskData,
    load_task,
    overlap_notes,
    row_notes,
    split_rows,
    without_measured,
)
from pet_mtl.data.table import BadRows
from pet_mtl.data.targets import no_targets, read_targets
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.pattern import parse_pattern
from pet_mtl.suite.task import SplitSpec, TaskSpec

Words = Mapping[Any, str | Sequence[str]]


@dataclass(frozen=True)
class Task:
    """A classification task.

    >>> task = Task("mood", labels={"up": "好", "down": "坏"}, patterns="{mask}。{text}",
    ...             train=(["真好", "很坏"], ["up", "down"]))
    >>> task.fields
    ('text',)

    Attributes:
        name: lower-case letters, digits, `_` and `-`.
        labels: each label of the data and its words; or a file of them, as a verbalizer is.
        patterns: one or several, with `{mask}` and the fields in braces.
        train: rows to learn from. Rows and labels `(rows, labels)`; mappings, a frame or a table
            that have the labels too, under `label`; or a file or `sample:` name, with `columns`. A
            row's label is one of `labels`; a list of them for the kind `multi_label`, a number for
            `similarity`.
        dev: rows to score on, likewise; or a share of the training rows, such as 0.1.
        prefix: written before every row.
        label: where mappings have the label.
        columns: for files, where the fields and `label` are: positions or names.
        more: any other key of a task in a pattern file, such as `{"slots": "shared"}`.
        unlabelled: rows without labels, for teachers and calibration: texts, tuples or mappings; a
            file or several where `train` is one; a file alone, without `train`, for `load`.
        soft_labels: what another program says of the rows' texts: mappings with the fields and
            `probabilities` by label, or `label`; or a file of them, or several.
    """

    name: str
    labels: Words | str | Path
    patterns: str | Sequence[str]
    train: Any = None
    dev: Any = None
    prefix: str = ""
    label: str = "label"
    columns: Mapping[str, int | str] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    unlabelled: Any = None
    soft_labels: Any = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the patterns, in their order.

        Raises:
            PetMtlError: a pattern is no text, or no pattern.
        """
        texts = [self.patterns] if isinstance(self.patterns, str) else self.patterns
        if not isinstance(texts, Iterable) or not all(isinstance(text, str) for text in texts):
            raise PetMtlError(
                f"`patterns` must be a text or a list of texts, found {self.patterns!r}",
                where=f"task {self.name}",
                hint="such as `{mask}。{text}`",
            )
        names = [name for text in texts for name in parse_pattern(text).fields]
        return tuple(dict.fromkeys(names))

    @property
    def from_files(self) -> bool:
        """Whether the training rows, or without any the unlabelled ones, are in files."""
        return isinstance(self.unlabelled if self.train is None else self.train, str | Path)

    @property
    def share(self) -> float | None:
        """The share of the training rows that is held out, if any.

        Raises:
            PetMtlError: it is no share.
        """
        if not isinstance(self.dev, Real) or isinstance(self.dev, bool):
            return None
        share = float(self.dev)
        if not 0 < share < 1:
            raise PetMtlError(
                f"`dev` must be rows, or a share above 0 and below 1, found {self.dev!r}",
                where=f"task {self.name}",
                hint="`dev=None` holds no rows out",
            )
        return share

    def section(self) -> dict[str, Any]:
        """Return the task's section of a pattern file.

        Raises:
            PetMtlError: two labels are one, or `dev` or `more` does not go with the others.
        """
        if not isinstance(self.more, Mapping):
            message = f"`more` must be keys and values, found {type(self.more).__name__}"
            hint = "such as `more={'slots': 'shared'}`"
            raise PetMtlError(message, where=f"task {self.name}", hint=hint)
        words = self.labels
        if isinstance(words, Mapping):
            words = words_by_label(words, self.name)
        columns = self.columns or {**{name: name for name in self.fields}, "label": self.label}
        patterns = self.patterns if isinstance(self.patterns, str) else list(self.patterns)
        own = {
            "prefix": self.prefix,
            "patterns": patterns,
            "verbalizer": words,
            "columns": columns,
            "data": self._data(),
        }
        for key in sorted(own.keys() & self.more.keys()):
            message = f"`more` holds `{key}`, which the arguments of `Task` say"
            raise PetMtlError(message, where=f"task {self.name}", hint=f"leave `{key}` out")
        return {**own, **self.more}

    def _data(self) -> dict[str, Any]:
        share = self.share
        if self.dev is not None and share is None and _are_files(self.dev) != self.from_files:
            raise self._mixed("dev", ", or `dev` as a share of the training rows")
        if self.from_files:
            mixed = self.unlabelled is not None and not _are_files(self.unlabelled)
        else:  # where a list of texts is rows
            mixed = isinstance(self.unlabelled, str | Path)
        if mixed:
            raise self._mixed("unlabelled")
        section: dict[str, Any] = {"train": self.train if self.from_files else MEMORY}
        if self.unlabelled is not None:
            section["unlabelled"] = self.unlabelled if self.from_files else MEMORY
        if _are_files(self.soft_labels):
            section["soft_labels"] = self.soft_labels
        if not self.from_files:
            # Thresholds of sets are fitted on dev rows, so the section has to name some.
            fitted = self.dev is not None and self.more.get("kind") == "multi_label"
            return section | ({"dev": MEMORY} if fitted else {})
        if share is not None:
            return section | {"dev": {"split": share}}
        return section | ({} if self.dev is None else {"dev": self.dev})

    def _mixed(self, part: str, other: str = "") -> PetMtlError:
        return PetMtlError(
            f"of `train` and `{part}` one is a file and one is rows",
            where=f"task {self.name}",
            hint=f"give both as files or both as rows{other}",
        )

    def data(self, spec: TaskSpec, seed: int, base: str) -> TaskData:
        """Return the rows, out of memory or files.

        Args:
            base: where relative paths start.

        Raises:
            PetMtlError: a row lacks a text or has an unknown label, or nothing is left to train on.
        """
        data = load_task(spec, base, seed) if self.from_files else self._in_memory(spec, seed)
        if self.soft_labels is None or data.soft_labels is not None:
            return data
        if _are_files(self.soft_labels):
            soft_labels = read_soft_labels(spec.data.soft_labels, spec, Path(base))
        else:
            given = row_list(self.soft_labels)
            soft_labels = soft_labels_of(given, spec, f"{spec.name} soft_labels")
        require_spoken(soft_labels, spec, data.train, data.unlabelled)
        return replace(data, soft_labels=soft_labels)

    def _in_memory(self, spec: TaskSpec, seed: int) -> TaskData:
        """Return the rows that are in memory, without soft labels.

        Raises:
            PetMtlError: see `data`.
        """
        train = self._rows(self.train, spec, "train")
        if len(np.unique(train.answers)) < 2:
            what = "target" if spec.kind_spec.facts.target == "number" else "label"
            raise PetMtlError(
                f"the training rows of `{spec.name}` have one {what}",
                hint=f"a task needs rows of two {what}s or more",
            )
        keys = row_keys(train)
        notes = row_notes(train, spec, keys)
        dev = unlabelled = None
        if self.share is not None:
            asked = SplitSpec(split=self.share)
            train, dev, keys = split_rows(train, asked, spec.name, seed, keys, notes)
        elif self.dev is not None:
            dev = self._rows(self.dev, spec, "dev")
            notes += overlap_notes("dev", dev, keys)
        if self.unlabelled is not None:
            unlabelled = without_measured(self._texts(self.unlabelled, spec, "unlabelled"), dev)
        return TaskData(train, keys, dev, unlabelled=unlabelled, notes=notes)

    def texts(self, spec: TaskSpec, seed: int) -> Rows:
        """Return the unlabelled rows that are in memory, without those of `dev`, else the training
        rows, which need no labels without a share of them for `dev`.

        Raises:
            PetMtlError: there are none, or a row lacks a text.
        """
        if self.share is not None:
            data = self._in_memory(spec, seed)
            return data.unlabelled or data.train
        dev = None if self.dev is None else self._rows(self.dev, spec, "dev")
        unlabelled = None
        if self.unlabelled is not None:
            unlabelled = without_measured(self._texts(self.unlabelled, spec, "unlabelled"), dev)
        return unlabelled or self._texts(self._parts(self.train)[0], spec, "train")

    def _texts(self, given: Any, spec: TaskSpec, part: str) -> Rows:
        rows = row_list(given)
        if not rows:
            raise PetMtlError(
                f"`{part}` holds no rows",
                where=f"task {spec.name}",
                hint="give texts as `unlabelled`; `contextual` calibration needs none",
            )
        found = Rows.of(text_columns(rows, spec.fields, spec.name), path=f"{spec.name} {part}")
        return replace(found, targets=no_targets(len(rows), spec))

    def _parts(self, given: Any) -> tuple[list[Any], list[Any] | None]:
        """Return rows and labels; None where the rows have the labels themselves, if any."""
        if isinstance(given, tuple) and len(given) == 2 and not isinstance(given[0], str):
            return row_list(given[0]), row_list(given[1])
        return (row_list(given) if given is not None else []), None

    def _rows(self, given: Any, spec: TaskSpec, part: str) -> Rows:
        rows, labels = self._parts(given)
        if labels is None:
            if not all(isinstance(row, Mapping) and self.label in row for row in rows):
                raise PetMtlError(
                    f"rows of `{part}` have no label `{self.label}`",
                    where=f"task {spec.name}",
                    hint=f"give `{part}=(rows, labels)`, or mappings with the label in them",
                )
            known = set(spec.verbalizer.labels)
            labels = named_labels([row[self.label] for row in rows], given, self.label, known)
        if not rows:
            raise PetMtlError(
                f"`{part}` holds no rows",
                where=f"task {spec.name}",
                hint=f"give `{part}=(rows, labels)`, or mappings with the label in them",
            )
        if len(rows) != len(labels):
            raise PetMtlError(
                f"{len(rows)} rows and {len(labels)} labels in `{part}`", where=f"task {spec.name}"
            )
        found = Rows.of(text_columns(rows, spec.fields, spec.name), path=f"{spec.name} {part}")
        bad = BadRows(f"{spec.name} {part}", unit="row")
        cells = pa.chunked_array([pa.array(_cells(labels, spec, bad.path), pa.string())])
        numbers, targets, _ = read_targets(cells, np.arange(1, len(rows) + 1), spec, True, bad)
        if bad.count:
            raise PetMtlError(bad.shown())
        return replace(found, labels=numbers, targets=targets)


def _cells(labels: Sequence[Any], spec: TaskSpec, path: str) -> list[str]:
    """Return label cells: where a set may be a list, one label beside lists is a set of one; else a
    list of one is its label.

    Raises:
        PetMtlError: a label that no file could hold.
    """
    listed = (list, tuple, set, frozenset, np.ndarray)
    if spec.kind_spec.facts.target != "labels":
        labels = [plain_value(list(one)) if isinstance(one, listed) else one for one in labels]
    elif any(isinstance(one, listed) for one in labels):
        labels = [one if isinstance(one, listed) else [one] for one in labels]
    cells = [label_cell(label) for label in labels]
    for number, cell in enumerate(cells, start=1):
        if not encodable(cell):
            raise PetMtlError(
                "the label holds half a surrogate pair", where=f"{path}: row {number}"
            )
    return cells


def task_list(tasks: Iterable[Task] | Task) -> list[Task]:
    """Return one task or several as a list.

    Raises:
        PetMtlError: something else is among them.
    """
    given = list(tasks) if isinstance(tasks, Iterable) else [tasks]
    for one in given:
        if not isinstance(one, Task):
            raise PetMtlError(
                f"`tasks` must be tasks, found {type(one).__name__}", hint="give [pet_mtl.Task(…)]"
            )
    return given


def _are_files(given: Any) -> bool:
    """Say whether something is a file, or a list of files."""
    each = given if isinstance(given, list | tuple) and given else [given]
    return all(isinstance(one, str | Path) for one in each)
