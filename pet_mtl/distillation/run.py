"""The whole of `pet-mtl distill`: teachers, what they say, students."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pet_mtl.atomic import write_text
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData, dev_rows_of, load_suite_data
from pet_mtl.distillation.answers import Answers, ask, targets
from pet_mtl.distillation.buildable import check_models
from pet_mtl.distillation.folder import RunResult, check_settings, do_run, settings_of
from pet_mtl.distillation.folds import Folds
from pet_mtl.distillation.generations import (
    choose_others,
    confident_rows,
    grown_by,
    labelled,
)
from pet_mtl.distillation.plan import (
    Request,
    check_request,
    cut_folds,
    group_name,
    plan_teachers,
    student_suite,
    task_groups,
    teacher_data,
    teacher_suite,
    with_order_of_labels,
    without_soft_labels,
)
from pet_mtl.distillation.stages import (
    Distillation,
    Stage,
    gains,
    markdown,
    stage_of_runs,
    stage_together,
)
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.kinds.kind import Decided
from pet_mtl.model.methods import capabilities
from pet_mtl.scoring.checkpoint_scores import decide
from pet_mtl.scoring.leak_guard import guard_rows
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.thresholds import with_fitted_thresholds
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.storage.lock import held
from pet_mtl.storage.pretrained import suite_model
from pet_mtl.storage.trained_on import Keys, read_trained_on, with_earlier
from pet_mtl.suite.suite import Suite
from pet_mtl.text import indented_json
from pet_mtl.training.few_rows import settle_rate
from pet_mtl.training.teachers import (
    check_teachers,
    rows_to_learn,
    soft_answers,
    spoken_of,
    together,
)


def distil(request: Request, out: Path, *, skip_bad_rows: int = 0) -> Distillation:
    """Train teachers, ask them, train students; what is there already is not done again.

    Rows are read and split once, by the student's seed.

    Args:
        out: keeps every stage: `teachers/`, `generation-N/`, `answers/`, `students/`, `alone/`, the
            table as `distill.md` and `results.json`.

    Raises:
        PetMtlError: see `check_request`, `cut_folds` and `check_models`; the rows are not right;
            `out` holds another distillation or is in use.
        Interrupted: the run in hand was saved; the same call goes on.
        RunError: a training failed.
    """
    check_request(request)
    ordered = with_order_of_labels(request.teacher, request.student)
    request = replace(request, teacher=ordered)
    method = request.teacher.method
    if request.by_pattern and request.seeds and not capabilities(method).has_patterns:
        say(f"warning: `--by-pattern` does nothing: method `{method.name}` reads no patterns")
    suite_model(request.student)
    try:
        suite_model(request.teacher)
    except PetMtlError as error:  # the student's is there
        problems = [replace(problem, where="--teacher-model") for problem in error.problems]
        raise PetMtlError(problems) from None
    data = load_suite_data(request.student, skip_bad_rows=skip_bad_rows)
    for name, task in data.items():
        for note in task.notes:
            say(f"warning: {name}: {note}")
    folds = cut_folds(request, data)
    soft = {name for name, task in data.items() if task.soft_labels is not None}
    known = check_teachers(request.given, request.student)
    known = known.union(*(teacher.tasks for teacher in plan_teachers(request)))
    check_models(request, out, known | soft)
    with held(out / ".lock") as ours:
        if not ours:
            raise PetMtlError(
                "another distillation is using the folder",
                where=str(out),
                hint="wait for it, or choose another with `--out DIR`",
            )

        def settled(suite: Suite) -> Suite:
            return settle_rate(suite, sum(len(data[name].train) for name in suite.tasks))

        # teachers, students and those without teachers differ in what they learn from alone
        same, student = request.teacher == request.student, settled(request.student)
        teacher = student if same else settled(request.teacher)
        request = replace(request, teacher=teacher, student=student)
        check_settings(out, settings_of(request, data))
        return _Distiller(request, out, data, folds, known).run()


@dataclass(frozen=True)
class _Class:
    """The teachers of one generation that are done.

    Attributes:
        answers: of each, those given by the user behind those trained.
        folders: their checkpoints.
        results: of those trained.
    """

    answers: list[Answers]
    folders: list[Path]
    results: list[RunResult]


class _Distiller:
    def __init__(
        self,
        request: Request,
        out: Path,
        data: Mapping[str, TaskData],
        folds: Mapping[str, Folds],
        known: Set[str],
    ) -> None:
        self.request, self.out = request, out
        self.teachers = plan_teachers(request)
        soft = {name for name, task in data.items() if task.soft_labels is not None}
        for name in soft - known:  # no other teacher speaks of the rest
            data = {**data, name: replace(data[name], unlabelled=spoken_of(data[name]))}
        known = known | soft
        self.rows = {
            name: rows for name, rows in rows_to_learn(data, known).items() if name in known
        }
        self.soft_labels = soft_answers(data, self.rows)  # a teacher of the students alone
        self.data = {name: replace(task, soft_labels=None) for name, task in data.items()}
        self.folds = folds
        self.dev = dev_rows_of(data)
        self.gold = {name: rows.gold for name, rows in self.dev.items()}
        self.kinds = {name: kind_of(task) for name, task in request.student.tasks.items()}
        for folder in request.given:
            guard_rows(folder, self.dev, strict=False)

    def run(self) -> Distillation:
        request, stages = self.request, list[Stage]()
        if request.alone:
            alone = self._students("alone", None)[0]
            stages.append(stage_of_runs("labels alone", alone, self.kinds))
        taught = self._teach(0, [{} for _ in self.teachers], stages)
        for generation in range(1, request.generations + 1):
            extra = self._extra(generation, taught.answers)
            taught = self._teach(generation, extra, stages)
        results, folders = self._students("students", taught)
        name = "students" if len(results) > 1 else "student"
        stages.append(stage_of_runs(name, results, self.kinds))
        metrics = {task: self.kinds[task].spec.facts.main for task in self.dev}
        gained = gains(stages, self.kinds, self.gold)
        done = Distillation(self.out, metrics, tuple(stages), gained, tuple(folders))
        write_text(self.out / "distill.md", markdown(done))
        write_text(self.out / "results.json", indented_json(done.to_json()))
        return done

    def _teach(
        self, generation: int, extra: Sequence[Mapping[str, Rows]], stages: list[Stage]
    ) -> _Class:
        """Train the teachers of a generation and ask them; note both in `stages`."""
        kind = f"generation-{generation}" if generation else "teachers"
        taught = _Class([], [], [])
        for number, (teacher, rows) in enumerate(zip(self.teachers, extra, strict=True), 1):
            say(f"{kind}: {number} of {len(self.teachers)}, {teacher.name}")
            folder = self.out / kind / teacher.name
            data = teacher_data(teacher, self.data, self.folds, rows)
            suite = teacher_suite(self.request.teacher, teacher)
            taught.results.append(do_run(folder, suite, data))
            taught.folders.append(folder / "checkpoint")
            gold = teacher_data(teacher, self.data, self.folds, {})
            barred = {name: task.train_keys for name, task in gold.items()}
            backbone = Path(suite_model(suite))
            if (backbone / MANIFEST).is_file():  # a checkpoint: it learned labels before
                barred = with_earlier(backbone, barred)
            file = self.out / "answers" / f"{kind}-{teacher.name}.safetensors"
            taught.answers.append(self._ask(file, folder / "checkpoint", barred))
        for number, folder in enumerate(self.request.given, 1):
            file = self.out / "answers" / f"given-{number}.safetensors"
            taught.answers.append(self._ask(file, folder, read_trained_on(folder) or {}))
            taught.folders.append(folder)
        name = f"generation {generation}" if generation else "teachers"
        if taught.results:
            stages.append(stage_of_runs(name, taught.results, self.kinds))
        counts = [sum(task in one.dev for one in taught.answers) for task in self.dev]
        if any(counts) and (not taught.results or max(counts) > 1):
            self._note_together(f"{name} together", taught.answers, stages)
        return taught

    def _note_together(self, name: str, answers: list[Answers], stages: list[Stage]) -> None:
        said = {
            task: together(each)
            for task in self.dev
            if (each := [one.dev[task] for one in answers if task in one.dev])
        }
        decided = self._decide(self.dev, said)
        stages.append(stage_together(name, len(answers), decided, self.kinds, self.gold))

    def _decide(
        self, rows: Mapping[str, Rows], said: Mapping[str, FloatArray]
    ) -> dict[str, Decided]:
        """Return what probabilities `[rows, K]` decide, thresholds fitted where a run fits its own
        on dev rows."""
        log_probs = {task: self.kinds[task].from_probabilities(each) for task, each in said.items()}
        suite = with_fitted_thresholds(self.request.student, rows, log_probs)
        return decide(suite, log_probs)

    def _ask(self, file: Path, teacher: Path, barred: Mapping[str, Keys]) -> Answers:
        counted = {name: task.train.labels for name, task in self.data.items()}
        if self.request.folds < 2:
            barred = {}
        return ask(file, teacher, self.request.student, self.rows, self.dev, counted, barred)

    def _extra(self, generation: int, answers: Sequence[Answers]) -> list[dict[str, Rows]]:
        """Return the unlabelled rows that each teacher of a generation gets, labelled by others."""
        seed, found = self.request.student.train.seed, []
        for own, teacher in enumerate(self.teachers):
            rows: dict[str, Rows] = {}
            peers = [n for n, other in enumerate(self.teachers) if other.tasks == teacher.tasks]
            others = choose_others(len(peers), peers.index(own), seed, generation)
            for name in teacher.tasks:
                train = self.data[name].train
                first, all_rows = len(train), self.rows[name]
                if len(all_rows) == first:
                    continue
                probs = together([answers[peers[n]].rows[name][first:] for n in others])
                count = min(grown_by(first, self.request.growth, generation), len(all_rows) - first)
                chosen, labels = confident_rows(probs, train.labels, count)
                rows[name] = labelled(all_rows, first + chosen, labels)
            found.append(rows)
        return found

    def _students(self, kind: str, taught: _Class | None) -> tuple[list[RunResult], list[Path]]:
        """Train students, without teachers where `taught` is None."""
        results, folders = [], []
        for tasks in task_groups(self.request.student, self.request.students_have):
            say(f"{kind}: {group_name(tasks)}")
            data = {name: self.data[name] for name in tasks}
            answers = self._targets(data, taught.answers) if taught else {}
            teachers = taught.folders if taught and answers else ()
            folder = self.out / kind / group_name(tasks)
            suite = student_suite(self.request.student, tasks)
            suite = without_soft_labels(suite) if taught is None else suite
            results.append(do_run(folder, suite, data, teachers=teachers, answers=answers or None))
            folders.append(folder / "checkpoint")
        return results, folders

    def _targets(
        self, data: Mapping[str, TaskData], answers: Sequence[Answers]
    ) -> dict[str, FloatArray]:
        found = {}
        for name, task in data.items():
            said = [one.rows[name] for one in answers if name in one.rows]
            said += [self.soft_labels[name]] if name in self.soft_labels else []
            if not said:
                say(f"note: no teacher knows {name}: it is learned from its labels alone")
                continue
            kind, first = self.kinds[name], len(task.train)
            mean = targets(kind, said, self.rows[name])
            # the others have their own labels
            told = np.flatnonzero(~np.isnan(together(said)[:first]).any(1))
            rows = task.train.take(told)
            right = kind.right(rows.gold, self._decide({name: rows}, {name: mean[told]})[name])
            judged = f", right on {right.mean():.1%} of them" if len(right) else ""
            say(
                f"teachers: {name}, {len(right):,} of {first:,} training rows labelled by them"
                f"{judged}"
            )
            silent = int(np.isnan(mean[first:]).any(1).sum())
            if silent:
                say(f"teachers: {name}, {silent:,} unlabelled rows that none may label say nothing")
            found[name] = mean
        return found
