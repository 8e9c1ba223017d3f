"""Which teachers and students a distillation has, and what each of them trains on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from pet_mtl.comparison.plan import fitting_name, seeds_of
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData
from pet_mtl.distillation.folds import Folds, fold_rows
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.model.methods import capabilities
from pet_mtl.suite.chain import require_reads
from pet_mtl.suite.levels import in_order
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.training.teachers import check_teachers

Tasks = Literal["single", "multi"]
LONGEST_NAME = 208  # bytes: names of answers hold more beside it, and have 255 at most


@dataclass(frozen=True)
class Request:
    """What to distil.

    Attributes:
        teacher: the suite that teachers train, of the student's tasks or some of them.
        student: the suite that students train.
        teachers_have: one task each, or all.
        students_have: likewise.
        seeds: teachers of each kind, with so many seeds; 0 trains none.
        by_pattern: a teacher for each pattern.
        folds: parts of the training rows, each of which is labelled by teachers trained on the
            others; 1: teachers label their own training rows.
        generations: of iPET.
        growth: how many times larger each generation's labelled set is.
        given: checkpoints that teach as well.
        alone: train the students on the labels alone too, to compare.
    """

    teacher: Suite
    student: Suite
    teachers_have: Tasks = "single"
    students_have: Tasks = "multi"
    seeds: int = 1
    by_pattern: bool = False
    folds: int = 1
    generations: int = 0
    growth: float = 5.0
    given: tuple[Path, ...] = ()
    alone: bool = True


@dataclass(frozen=True)
class Teacher:
    """One teacher that is trained; `pattern` and `fold` are None where it has all."""

    tasks: tuple[str, ...]
    seed: int
    pattern: int | None = None
    fold: int | None = None

    @property
    def name(self) -> str:
        parts = [self.tasks[0] if len(self.tasks) == 1 else "all", f"seed{self.seed}"]
        parts += [] if self.pattern is None else [f"pattern{self.pattern + 1}"]
        parts += [] if self.fold is None else [f"fold{self.fold + 1}"]
        return fitting_name("-".join(parts), LONGEST_NAME)


def check_request(request: Request) -> None:
    """Refuse what cannot be distilled, before anything is computed.

    Raises:
        PetMtlError: with all problems.
    """
    problems = ProblemList()
    try:
        seeds_of(request.teacher, request.seeds)
        check_teachers(request.given, request.student)
    except PetMtlError as error:
        problems.extend(error)
    theirs, ours = request.teacher.tasks, request.student.tasks
    soft = any(task.data.soft_labels for task in ours.values())
    if not request.seeds and not request.given and not soft:
        problems.add(
            "there is no teacher",
            where="--seeds 0",
            hint="take a seed or more, or give checkpoints with `--teacher`",
        )
    for name in theirs.keys() - ours.keys():
        problems.add(
            f"no student has the task `{name}`",
            where="--teacher-tasks",
            hint=f"choose among the students' tasks: {', '.join(ours)}",
        )
    for name, task in ours.items():
        if request.generations and task.kind_spec.facts.target != "label":
            problems.add(
                f"`{name}` is no task of one label a row: generations grow by rows of each label",
                where="--generations",
                hint="leave it out, or choose other tasks with `--tasks`",
            )
        wanted = set(ours[name].verbalizer.labels)
        if name in theirs and set(theirs[name].verbalizer.labels) != wanted:
            problems.add(
                f"teachers of `{name}` would have other labels than its students",
                where="--teacher-set",
                hint="change label words for students and teachers alike, with `-s`",
            )
        elif _targets(theirs.get(name, task)) != _targets(task):
            problems.add(
                f"teachers of `{name}` would have other targets than its students, whose rows they "
                "read",
                where="--teacher-set",
                hint="set `kind` and `range` for students and teachers alike, with `-s`",
            )
        others = [
            key
            for key in ("columns", "data")
            if getattr(theirs.get(name, task), key) != getattr(task, key)
        ]
        if others:
            problems.add(
                f"teachers of `{name}` read the rows of its students, with their "
                f"{' and '.join(f'`{key}`' for key in others)}",
                where="--teacher-set",
                hint="set it for students and teachers alike, with `-s`",
            )
    if request.teacher.base != request.student.base:
        problems.add(
            "teachers read the rows of the students, with their `data_root`",
            where="--teacher-set",
            hint="set it for students and teachers alike, with `-s`",
        )
    for option, have, suite in (
        ("--from", request.teachers_have, request.teacher),
        ("--to", request.students_have, request.student),
    ):
        for tasks in task_groups(suite, have):
            try:
                alone = {name: suite.tasks[name] for name in tasks}
                require_reads(alone, f"{option} {have}", f"models of all tasks: `{option} multi`")
            except PetMtlError as error:
                problems.extend(error)
    if request.generations:
        if request.given or not request.seeds:
            problems.add(
                "generations train teachers anew, which checkpoints given by `--teacher` are not",
                where="--generations",
                hint="leave one of both out",
            )
        elif min(Counter(one.tasks for one in plan_teachers(request)).values()) < 2:
            problems.add(
                "in each generation teachers label rows for others, so each task needs two or more",
                where="--generations",
                hint="raise `--seeds` or `--folds`, or add `--by-pattern`",
            )
        if not any(task.data.unlabelled for task in theirs.values()):
            problems.add(
                "generations grow by unlabelled rows, and no task has any",
                where=request.student.source,
                hint="name their files: data: {train: …, unlabelled: …}",
            )
    problems.raise_if_any()


def _targets(task: TaskSpec) -> tuple[str, tuple[float, float]]:
    """Return what a row's target is, and between which numbers it lies."""
    return task.kind_spec.facts.target, task.kind_spec.range


def with_order_of_labels(teacher: Suite, student: Suite) -> Suite:
    """Return the teachers' suite with the labels of each task in the order that its students have:
    teachers read the students' rows, in which a label is its place among these.
    """
    changed = {}
    for name, task in teacher.tasks.items():
        words, labels = task.verbalizer, student.tasks[name].verbalizer.labels
        if words.labels == labels:
            continue
        of_label = dict(zip(words.labels, task.thresholds or (), strict=False))
        limits = task.thresholds and tuple(of_label[label] for label in labels)
        changes = {"verbalizer": in_order(words, labels), "thresholds": limits}
        changed[name] = task.model_copy(update=changes)
    if not changed:
        return teacher
    return teacher.model_copy(update={"tasks": {**teacher.tasks, **changed}})


def task_groups(suite: Suite, have: Tasks) -> list[tuple[str, ...]]:
    """Return the tasks of each model: one each, or all."""
    names = tuple(suite.tasks)
    return [(name,) for name in names] if have == "single" else [names]


def group_name(tasks: Sequence[str]) -> str:
    """Return what a model of some tasks is called."""
    return tasks[0] if len(tasks) == 1 else "all"


def plan_teachers(request: Request) -> list[Teacher]:
    """Return the teachers of a generation; `by_pattern`, one for all patterns where the method
    writes rows without them."""
    folds: list[int | None] = [None] if request.folds < 2 else [*range(request.folds)]
    by_pattern = request.by_pattern and capabilities(request.teacher.method).has_patterns
    found = []
    for tasks in task_groups(request.teacher, request.teachers_have):
        most = max(len(request.teacher.tasks[name].patterns) for name in tasks)
        patterns: list[int | None] = [*range(most)] if by_pattern and most > 1 else [None]
        for seed in seeds_of(request.teacher, request.seeds):
            found += [Teacher(tasks, seed, p, fold) for p in patterns for fold in folds]
    return found


def teacher_suite(suite: Suite, teacher: Teacher) -> Suite:
    """Return the suite that a teacher trains; of several patterns its own one, and no soft
    labels."""
    suite = without_soft_labels(suite)
    tasks = {name: suite.tasks[name] for name in teacher.tasks}
    if teacher.pattern is not None:
        for name, task in tasks.items():
            own = task.patterns[teacher.pattern % len(task.patterns)]
            tasks[name] = task.model_copy(update={"patterns": (own,), "pattern_weights": "equal"})
    train = suite.train.model_copy(update={"seed": teacher.seed})
    return suite.model_copy(update={"tasks": tasks, "train": train})


def without_soft_labels(suite: Suite) -> Suite:
    """Return a suite that learns from labels alone."""
    tasks = {
        name: task.model_copy(update={"data": task.data.model_copy(update={"soft_labels": ()})})
        for name, task in suite.tasks.items()
    }
    return suite.model_copy(update={"tasks": tasks})


def student_suite(suite: Suite, tasks: Sequence[str]) -> Suite:
    """Return the suite of a student of some tasks."""
    return suite.model_copy(update={"tasks": {name: suite.tasks[name] for name in tasks}})


def cut_folds(request: Request, data: Mapping[str, TaskData]) -> dict[str, Folds]:
    """Return the fold of each training row of each task; nothing without folds.

    Raises:
        PetMtlError: with the problems of all tasks; see `fold_rows`.
    """
    if request.folds < 2:
        return {}
    problems, found = ProblemList(), {}
    for name in request.teacher.tasks:
        task, seed = data[name], request.student.train.seed
        try:
            found[name] = fold_rows(task.train_keys, task.train, request.folds, seed, name)
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    return found


def teacher_data(
    teacher: Teacher,
    data: Mapping[str, TaskData],
    folds: Mapping[str, Folds],
    extra: Mapping[str, Rows],
) -> dict[str, TaskData]:
    """Return the rows that a teacher trains on: those of the other folds, and extra labelled
    ones."""
    found = {}
    for name in teacher.tasks:
        task = data[name]
        chosen = np.arange(len(task.train))
        if teacher.fold is not None:
            chosen = np.flatnonzero(folds[name] != teacher.fold)
        train, keys = task.train.take(chosen), task.train_keys[chosen]
        if name in extra:
            train = Rows.concat([train, extra[name]])
            keys = np.concatenate([keys, row_keys(extra[name])])
        found[name] = replace(task, train=train, train_keys=keys, notes=[])
    return found
