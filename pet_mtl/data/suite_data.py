"""Load the rows of all tasks of a suite, and say what looks wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.duplicates import find_conflicts
from pet_mtl.data.keys import row_keys
from pet_mtl.data.readers import read_rows
from pet_mtl.data.rows import Rows
from pet_mtl.data.soft_labels import SoftLabels, read_soft_labels, require_spoken
from pet_mtl.data.split import split_by_text
from pet_mtl.data.table import SHOWN
from pet_mtl.data.targets import label_counts, target_text
from pet_mtl.errors import PetMtlError, Problem, ProblemList
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import SplitSpec, TaskSpec


@dataclass
class TaskData:
    """The rows of one task.

    Attributes:
        train_keys: `row_keys` of `train`.
        unlabelled: without labels, and without the rows that have the text of a dev or test row.
        soft_labels: what is said of texts that training or unlabelled rows may have.
        notes: warnings for the log, one line each.
    """

    train: Rows
    train_keys: NDArray[np.uint64]
    dev: Rows | None = None
    test: Rows | None = None
    unlabelled: Rows | None = None
    soft_labels: SoftLabels | None = None
    notes: list[str] = field(default_factory=list)


def dev_rows_of(data: Mapping[str, TaskData]) -> dict[str, Rows]:
    """Return the dev rows of the tasks that have some."""
    return {name: task.dev for name, task in data.items() if task.dev}


def load_suite_data(
    suite: Suite, *, skip_bad_rows: int = 0, texts_only: bool = False
) -> dict[str, TaskData]:
    """Load every task of a suite.

    Args:
        skip_bad_rows, texts_only: see `load_task`.

    Raises:
        PetMtlError: with the problems of all tasks.
    """
    problems = ProblemList()
    loaded = {}
    for name, task in suite.tasks.items():
        try:
            loaded[name] = load_task(
                task,
                Path(suite.base),
                suite.train.seed,
                skip_bad_rows=skip_bad_rows,
                texts_only=texts_only,
            )
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    return loaded


def load_task(
    task: TaskSpec,
    base: Path | str,
    seed: int,
    *,
    skip_bad_rows: int = 0,
    texts_only: bool = False,
) -> TaskData:
    """Load the rows of one task; relative paths start from `base`, and up to `skip_bad_rows` of a
    source may be bad.

    Args:
        texts_only: labels are not needed, so a task of unlabelled rows alone will do; its training
            rows are none.

    Raises:
        PetMtlError: with the problems of all its sources; or all training rows have one label, or
            soft labels speak of none of the rows.
    """
    if not texts_only:
        _require_train(task)
    problems = ProblemList()
    notes: list[str] = []

    def load(sources: Sequence[str], labelled: bool = True) -> Rows | None:
        return _load(sources, task, Path(base), labelled, skip_bad_rows, problems, notes)

    dev_spec = task.data.dev
    train = load(task.data.train)
    dev = None if dev_spec is None or isinstance(dev_spec, SplitSpec) else load(dev_spec)
    test = load(task.data.test)
    unlabelled = load(task.data.unlabelled, labelled=False)
    soft_labels = None
    if task.data.soft_labels:
        try:
            soft_labels = read_soft_labels(task.data.soft_labels, task, Path(base))
        except PetMtlError as error:
            problems.extend(error)
    if train is not None and len(np.unique(train.answers)) < 2:
        label = quoted(target_text(train.gold[0], task))
        hint = "a task needs rows of two labels or more; is the right file and label column named?"
        what = "target" if task.kind_spec.facts.target == "number" else "label"
        problems.add(
            f"all {len(train)} training rows of `{task.name}` have the {what} {label}",
            where=train.where(0),
            hint=hint,
        )
    problems.raise_if_any()
    if train is None:
        assert unlabelled is not None
        train = unlabelled.take(np.arange(0))
    keys = row_keys(train)
    notes.extend(row_notes(train, task, keys))
    if isinstance(dev_spec, SplitSpec):
        train, dev, keys = split_rows(train, dev_spec, task.name, seed, keys, notes)
    else:
        notes.extend(overlap_notes("dev", dev, keys))
    notes.extend(overlap_notes("test", test, keys))
    fresh = None if unlabelled is None else without_measured(unlabelled, dev, test)
    if soft_labels is not None:
        require_spoken(soft_labels, task, train, fresh)
    return TaskData(train, keys, dev, test, fresh, soft_labels, notes)


def load_dev(
    task: TaskSpec, base: Path | str, seed: int, *, skip_bad_rows: int = 0
) -> tuple[Rows | None, list[str]]:
    """Load the dev rows that `load_task` gives, and notes; other files are read only where dev is a
    share of them.

    Raises:
        PetMtlError: with the problems of the sources.
    """
    problems = ProblemList()
    notes: list[str] = []
    dev_spec = task.data.dev
    if dev_spec is None:
        return None, notes
    sources = task.data.train if isinstance(dev_spec, SplitSpec) else dev_spec
    rows = _load(sources, task, Path(base), True, skip_bad_rows, problems, notes)
    problems.raise_if_any()
    assert rows is not None
    if isinstance(dev_spec, SplitSpec):
        rows = split_rows(rows, dev_spec, task.name, seed, row_keys(rows))[1]
    return rows, notes


def load_train(task: TaskSpec, base: Path | str, seed: int, *, skip_bad_rows: int = 0) -> Rows:
    """Load the training rows that `load_task` gives; no file of dev or test rows is read.

    Raises:
        PetMtlError: with the problems of the sources.
    """
    _require_train(task)
    problems = ProblemList()
    rows = _load(task.data.train, task, Path(base), True, skip_bad_rows, problems, [])
    problems.raise_if_any()
    assert rows is not None
    if isinstance(task.data.dev, SplitSpec):
        rows = split_rows(rows, task.data.dev, task.name, seed, row_keys(rows))[0]
    return rows


def load_unlabelled(
    task: TaskSpec, base: Path | str, seed: int, *, skip_bad_rows: int = 0
) -> Rows | None:
    """Load the unlabelled rows that `load_task` gives; None where the task has no such file.

    Files of dev and test rows that cannot be read are passed over: nothing is measured on them
    here.

    Raises:
        PetMtlError: with the problems of the sources.
    """

    def load(sources: Sequence[str], labelled: bool, problems: ProblemList) -> Rows | None:
        return _load(sources, task, Path(base), labelled, skip_bad_rows, problems, [])

    problems = ProblemList()
    rows = load(task.data.unlabelled, False, problems)
    problems.raise_if_any()
    if rows is None:
        return None
    try:
        dev, _ = load_dev(task, base, seed, skip_bad_rows=skip_bad_rows)
    except PetMtlError:
        dev = None
    return without_measured(rows, dev, load(task.data.test, True, ProblemList()))


def without_measured(unlabelled: Rows, *measured: Rows | None) -> Rows:
    """Return the rows whose texts are not measured on; files of unlabelled rows may have labels all
    the same."""
    keys = [row_keys(rows) for rows in measured if rows is not None]
    seen = np.isin(row_keys(unlabelled), np.concatenate([np.empty(0, np.uint64), *keys]))
    rows = unlabelled.take(np.flatnonzero(~seen))
    return replace(rows, labels=np.full(len(rows), -1, np.int64))


def _require_train(task: TaskSpec) -> None:
    """Refuse a task without labelled rows where they are needed.

    Raises:
        PetMtlError: its `data` names no training rows.
    """
    if not task.data.train:
        raise PetMtlError(
            f"task `{task.name}` has no training rows",
            hint="name them: data: {train: FILE, …}, and their label: columns: {…, label: 2}",
        )


def _load(
    sources: Sequence[str],
    task: TaskSpec,
    base: Path,
    labelled: bool,
    skip_bad_rows: int,
    problems: ProblemList,
    notes: list[str],
) -> Rows | None:
    parts = []
    for source in sources:
        try:
            rows, skipped = read_rows(
                source, task, base=base, labelled=labelled, skip_bad_rows=skip_bad_rows
            )
        except PetMtlError as error:
            problems.extend(error)
            continue
        parts.append(rows)
        notes.extend(skipped_notes(skipped))
    return Rows.concat(parts) if parts else None


def split_rows(
    train: Rows,
    spec: SplitSpec,
    task: str,
    seed: int,
    keys: NDArray[np.uint64],
    notes: list[str] | None = None,
) -> tuple[Rows, Rows, NDArray[np.uint64]]:
    """Return the training rows, the held-out rows, and the keys of the training rows.

    Args:
        notes: takes a line where much more is held out than was asked for.

    Raises:
        PetMtlError: no row can be held out.
    """
    train_rows, dev_rows = split_by_text(train, spec.split, seed, keys=keys)
    if not len(dev_rows):
        message = (
            f"`dev: {{split: {spec.split}}}` of `{task}` leaves no row: every label has one "
            "text only"
        )
        raise PetMtlError(message, where=train.where(0))
    if notes is not None:
        notes.extend(_share_notes(len(train_rows), len(dev_rows), spec))
    return train.take(train_rows), train.take(dev_rows), keys[train_rows]


def _share_notes(train: int, dev: int, spec: SplitSpec) -> list[str]:
    """Say where much more is held out than was asked for."""
    asked = spec.split * (train + dev)
    if dev < 2 * asked or dev < asked + 20:
        return []
    return [
        f"{dev:,} of {train + dev:,} rows are held out, not {100 * spec.split:.3g} %: one at least "
        "of each label; dev rows of their own leave more to train on"
    ]


def skipped_notes(skipped: Sequence[Problem]) -> list[str]:
    """Say which bad rows were skipped."""
    if not skipped:
        return []
    shown = ";\n  ".join(f"{problem.where}: {problem.message}" for problem in skipped[:SHOWN])
    rows = "1 bad row" if len(skipped) == 1 else f"{len(skipped)} bad rows"
    return [f"skipped {rows} ({shown}{'; …' if len(skipped) > SHOWN else ''})"]


def row_notes(train: Rows, task: TaskSpec, keys: NDArray[np.uint64]) -> list[str]:
    """Say what is odd about training rows: labels without rows, texts with several labels."""
    gold = train.gold
    conflicts = find_conflicts(train, keys=keys).summary(
        train, lambda row: target_text(gold[row], task)
    )
    return [*_label_notes(train, task), *([conflicts] if conflicts else [])]


def _label_notes(train: Rows, task: TaskSpec) -> list[str]:
    counts = label_counts(train.labels, train.targets, task)
    absent = ", ".join(
        quoted(task.verbalizer.labels[number]) for number in np.flatnonzero(counts == 0)
    )
    return [f"no training row has the label {absent} of {task.verbalizer.source}"] if absent else []


def overlap_notes(part: str, rows: Rows | None, train_keys: NDArray[np.uint64]) -> list[str]:
    """Say how many rows of a part are seen in training too: scores on them flatter the model."""
    if rows is None:
        return []
    seen = np.flatnonzero(np.isin(row_keys(rows), train_keys))
    if not len(seen):
        return []
    return [
        (
            f"{len(seen)} of {len(rows)} {part} rows occur in the training data too "
            f"({rows.where(int(seen[0]))}, …)"
        )
    ]
