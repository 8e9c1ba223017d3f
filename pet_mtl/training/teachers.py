"""What teachers say of the training rows: checkpoints of one or several of the tasks, of any method
and backbone, and files of soft labels.

Asked once, before the first step; the run's folder keeps their answers, so going on needs no
teacher. A task's unlabelled rows are learned from them as well (PET, Schick and Schütze 2021).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from pet_mtl.atomic import write_bytes
from pet_mtl.console import say
from pet_mtl.data.digest import short_digest
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.kinds import Kind, kind_of
from pet_mtl.scoring.leak_guard import guard_rows
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.processes import ALONE, Processes
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.storage.outputs import TEACHER
from pet_mtl.storage.tensors import read_arrays, read_metadata
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.training.ask import ask_in_blocks


def check_teachers(folders: Sequence[Path], suite: Suite) -> set[str]:
    """Refuse what cannot teach the tasks of a suite, before anything is computed; return the tasks
    that have a teacher.

    Raises:
        PetMtlError: a folder is no whole checkpoint, knows none of the tasks, or knows one with
            other labels or fields.
    """
    problems, known = ProblemList(), set[str]()
    for folder in folders:
        where = f"--teacher {folder}"
        try:
            tasks = read_checkpoint(folder).suite.tasks
        except PetMtlError as error:
            problems.extend(error)
            continue
        shared = [name for name in suite.tasks if name in tasks]
        known.update(shared)
        if not shared:
            its, ours = ", ".join(tasks), ", ".join(suite.tasks)
            problems.add(
                f"knows {its}, but none of {ours}",
                where=where,
                hint="give a checkpoint of these tasks",
            )
        hint = "a teacher must have been trained on the same task"
        for name in shared:
            for difference in _differences(tasks[name], suite.tasks[name]):
                problems.add(difference, where=where, hint=hint)
    problems.raise_if_any()
    return known


def _differences(theirs: TaskSpec, ours: TaskSpec) -> Iterator[str]:
    """Yield why a teacher's task is not the same as ours of that name."""
    for what, there, here in (
        ("labels", theirs.verbalizer.labels, ours.verbalizer.labels),
        ("fields", theirs.fields, ours.fields),
        ("targets", (_target(theirs),), (_target(ours),)),
        ("range", _range(theirs), _range(ours)),
    ):
        if set(there) != set(here):
            yield (
                f"`{ours.name}` has the {what} {', '.join(there)} there, and here {', '.join(here)}"
            )


def _range(task: TaskSpec) -> tuple[str, ...]:
    return tuple(f"{end:g}" for end in task.kind_spec.range)


def rows_to_learn(data: Mapping[str, TaskData], taught: Collection[str]) -> dict[str, Rows]:
    """Return each task's training rows, and behind them, where it has a teacher, its unlabelled
    ones: with soft labels alone those that they speak of.

    Args:
        taught: tasks that have a teacher who speaks of all rows.
    """
    rows = {name: task.train for name, task in data.items()}
    for name, task in data.items():
        unlabelled = task.unlabelled if name in taught else spoken_of(task)
        if unlabelled is not None and len(unlabelled):
            rows[name] = Rows.concat([task.train, unlabelled])
    return rows


def spoken_of(task: TaskData) -> Rows | None:
    """Return the unlabelled rows that soft labels speak of; None without either."""
    if task.unlabelled is None or task.soft_labels is None:
        return None
    return task.unlabelled.take(np.flatnonzero(task.soft_labels.speaks_of(task.unlabelled)))


def ask_teachers(
    folders: Sequence[Path],
    suite: Suite,
    rows: Mapping[str, Rows],
    dev: Mapping[str, Rows],
    soft_labels: Mapping[str, FloatArray] = {},
    processes: Processes = ALONE,
    kept: Path | None = None,
) -> dict[str, FloatArray]:
    """Return the mean of the teachers' probabilities `[rows, K]` for each task that some of them
    know.

    Calibrations are left out; a teacher's logit adjustment is taken back. So these are
    probabilities of the labels as frequent as they are in the rows.

    Args:
        rows: rows by task; those without a label have -1.
        dev: rows that will be scored, which no teacher should have been trained on.
        soft_labels: what `soft_answers` gives, which counts as one teacher. A labelled row of which
            nothing is said has its label as the answer.
        processes: which ask together.
        kept: a folder for what many rows were answered until all are, see `ask_in_blocks`.
    """
    said = {name: [probs] for name, probs in soft_labels.items()}
    counted = {name: of_task.labels for name, of_task in rows.items()}
    for number, folder in enumerate(folders, start=1):
        guard_rows(folder, dev, strict=False)
        loaded = LoadedCheckpoint(folder)
        blocks = kept / str(number) if kept else None
        for name, probs in ask_in_blocks(loaded, suite, rows, counted, blocks, processes).items():
            said.setdefault(name, []).append(probs)
            labelled = rows[name].labels >= 0
            kind, gold = kind_of(suite.tasks[name]), rows[name].gold
            decided = kind.decide(kind.from_probabilities(probs))
            right = float(kind.right(gold, decided)[labelled].mean())
            say(f"teacher {folder}: {name}, right on {right:.1%} of the training rows")
    for name in rows:
        if name not in said:
            say(f"note: no teacher knows {name}: it is learned from its labels alone")
    answers = {name: together(each) for name, each in said.items()}
    for name in soft_labels:
        answers[name] = _with_labels(kind_of(suite.tasks[name]), answers[name], rows[name])
    return answers


def soft_answers(data: Mapping[str, TaskData], rows: Mapping[str, Rows]) -> dict[str, FloatArray]:
    """Return what soft labels say of the rows that are learned from, `[rows, K]` by task, NaN where
    they say nothing; and tell the user of how many."""
    found = {}
    for name, task in data.items():
        if task.soft_labels is not None:
            found[name] = task.soft_labels.of(rows[name])
            spoken = int((~np.isnan(found[name][: len(task.train), 0])).sum())
            say(f"soft labels: {name}, of {spoken:,} of {len(task.train):,} training rows")
    return found


def together(answers: Sequence[FloatArray]) -> FloatArray:
    """Return the mean `[rows, K]` over the teachers that answered each row; NaN where none did."""
    stacked = np.stack(answers)
    there = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        mean = np.where(there, stacked, 0).sum(0, dtype=np.float64) / there.sum(0)
    return np.asarray(mean, np.float32)


def _with_labels(kind: Kind, probs: FloatArray, rows: Rows) -> FloatArray:
    """Return the answers `[rows, K]`, where none is given those of a teacher that knows the
    labels."""
    silent = np.isnan(probs).any(1) & (rows.labels >= 0)
    return np.where(silent[:, None], kind.certain(rows.gold), probs)


def _target(task: TaskSpec) -> str:
    return task.kind_spec.facts.target


def write_answers(out: Path, answers: Mapping[str, FloatArray], rows: Mapping[str, Rows]) -> None:
    """Keep the teachers' answers in the folder of a run, with a digest of the rows."""
    # `save` writes the memory of an array as it lies
    tensors = {name: np.ascontiguousarray(of_task) for name, of_task in answers.items()}
    about = {name: _digest(rows[name]) for name in answers}
    write_bytes(out / TEACHER, save(tensors, metadata=about))


def _digest(rows: Rows) -> str:
    return short_digest(row_keys(rows).tobytes(), rows.labels.tobytes())


def taught_tasks(out: Path, data: Mapping[str, TaskData]) -> set[str]:
    """Return the tasks that the answers in the folder of a run are about, unlabelled rows and
    all."""
    if not (out / TEACHER).is_file():
        return set()
    every = {name: len(task.train) + len(task.unlabelled or ()) for name, task in data.items()}
    answers = _load(out / TEACHER)
    return {name for name, said in answers.items() if said.shape[:1] == (every.get(name),)}


def read_answers(out: Path, suite: Suite, rows: Mapping[str, Rows]) -> dict[str, FloatArray]:
    """Return the answers that the folder of a run keeps; none where it has no teacher.

    Args:
        rows: that the tasks of the suite learn from.

    Raises:
        PetMtlError: the file is damaged or belongs to other rows.
    """
    file = out / TEACHER
    if not file.is_file():
        return {}
    answers, about = _load(file), read_metadata(file)
    if not all(
        name in rows
        and of_task.shape[:1] == (len(rows[name]),)
        and about.get(name) in (None, _digest(rows[name]))  # earlier versions noted none
        for name, of_task in answers.items()
    ):
        raise PetMtlError(
            "belongs to other training rows", where=str(file), hint="train again in a new folder"
        )
    for name, of_task in answers.items():
        shape = (len(rows[name]), len(suite.tasks[name].verbalizer.labels))
        labelled = rows[name].labels >= 0  # of others a teacher may say nothing
        if (
            of_task.dtype != np.float32
            or of_task.shape != shape
            or not _are_answers(of_task[labelled | ~np.isnan(of_task).all(1)], suite.tasks[name])
        ):
            raise PetMtlError(
                f"what it says of `{name}` are no probabilities of its labels",
                where=str(file),
                hint="train again in a new folder",
            )
    return answers


def _are_answers(probs: FloatArray, task: TaskSpec) -> bool:
    if _target(task) == "labels":  # each by itself
        return bool(((probs >= 0) & (probs <= 1)).all())
    return bool((probs >= 0).all() and (abs(probs.sum(-1) - 1) < 1e-2).all())


def _load(file: Path) -> dict[str, FloatArray]:
    return read_arrays(file, "train again in a new folder")
