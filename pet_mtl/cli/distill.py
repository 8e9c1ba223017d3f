"""`pet-mtl distill`."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import (
    DataRoot,
    Json,
    Overrides,
    PatternFile,
    SkipBadRows,
    Tasks,
    Verbalizers,
    files_by_task,
    names_of,
    pattern_file,
    say_left_out,
)
from pet_mtl.console import put_json
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.text import same_command

_HAVE = ("single", "multi")
GROWTH = 5.0  # as in iPET


def distill(
    patterns: PatternFile = "default",
    from_: Annotated[
        str,
        typer.Option(
            "--from", metavar="single|multi", help="Teachers of one task each, or of all."
        ),
    ] = "single",
    to: Annotated[
        str, typer.Option(metavar="single|multi", help="Students of one task each, or of all.")
    ] = "multi",
    seeds: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1000,
            metavar="N",
            help="Train each teacher with N seeds; their mean counts.",
            show_default="1, with --teacher 0",
        ),
    ] = None,
    by_pattern: Annotated[
        bool, typer.Option("--by-pattern", help="A teacher for each pattern of a task.")
    ] = False,
    folds: Annotated[
        int,
        typer.Option(
            min=1,
            max=1000,
            metavar="K",
            help="Cut the training rows; each part is labelled by teachers trained on the others.",
        ),
    ] = 1,
    generations: Annotated[
        int,
        typer.Option(
            min=0,
            max=100,
            metavar="N",
            help="Train the teachers N times anew on a growing set (iPET).",
        ),
    ] = 0,
    growth: Annotated[
        float, typer.Option(metavar="X", help="Each generation has X times as many labelled rows.")
    ] = GROWTH,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(metavar="CHECKPOINT", help="A teacher that is there already; several: more."),
    ] = None,
    teacher_model: Annotated[
        str | None, typer.Option(metavar="M", help="Backbone of the teachers.")
    ] = None,
    teacher_method: Annotated[
        str | None, typer.Option(metavar="NAME", help="Method of the teachers.")
    ] = None,
    teacher_set: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="As -s, for the teachers alone.")
    ] = None,
    teacher_tasks: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…", help="Teachers for these tasks only; the others learn from labels."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="M", help="Backbone, instead of the file's.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(metavar="NAME", help="Method, instead of the file's.")
    ] = None,
    tasks: Tasks = None,
    alone: Annotated[
        bool, typer.Option(help="Train the students on the labels alone too, to compare.")
    ] = True,
    data_root: DataRoot = None,
    verbalizer: Verbalizers = None,
    override: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Output folder.", show_default="runs/distill-1, runs/distill-2, …"
        ),
    ] = None,
    skip_bad_rows: SkipBadRows = 0,
    json_: Json = False,
) -> None:
    """Train teachers and students that learn from them, and say what each stage brought.

    The same command with the same `--out` goes on where it was stopped.
    """
    from pet_mtl.atomic import require_folder
    from pet_mtl.console import say
    from pet_mtl.distillation.plan import Request
    from pet_mtl.distillation.run import distil
    from pet_mtl.distillation.stages import table
    from pet_mtl.report.table import print_table
    from pet_mtl.stepping.interrupt import Interrupted
    from pet_mtl.storage.outputs import next_run_folder
    from pet_mtl.suite.suite import Suite, load_suite

    for option, value in (("--from", from_), ("--to", to)):
        if value not in _HAVE:
            raise PetMtlError(f"must be `single` or `multi`, found `{value}`", where=option)
    if not 1 < growth < 1e6:
        raise PetMtlError(f"must be above 1 and below 1e6, found `{growth:g}`", where="--growth")
    file = pattern_file(patterns)

    def load(
        model: str | None, method: str | None, more: list[str], only: str | None = tasks
    ) -> Suite:
        return load_suite(
            file,
            overrides=[*(override or ()), *more],
            data_root=data_root,
            model=model,
            verbalizers=files_by_task("--verbalizer", verbalizer),
            method=method,
            only=names_of(only),
        )

    given, student = tuple(teacher or ()), load(model, method, [])
    try:
        teachers = load(
            model if teacher_model is None else teacher_model,
            method if teacher_method is None else teacher_method,
            teacher_set or [],
            tasks if teacher_tasks is None else teacher_tasks,
        )
    except PetMtlError as error:  # the students' settings are right
        problems = ProblemList()
        for problem in error.problems:
            problems.add(problem.message, where=_of_teachers(problem.where), hint=problem.hint)
        problems.raise_if_any()
        raise
    request = Request(
        teacher=teachers,
        student=student,
        teachers_have="single" if from_ == "single" else "multi",
        students_have="single" if to == "single" else "multi",
        seeds=(0 if given else 1) if seeds is None else seeds,
        by_pattern=by_pattern,
        folds=folds,
        generations=generations,
        growth=growth,
        given=given,
        alone=alone,
    )
    if teacher_tasks is not None and not request.seeds:
        raise PetMtlError(
            "does nothing: no teacher is trained",
            where="--teacher-tasks",
            hint="leave it out, or take `--seeds 1` or more",
        )
    idle: dict[str, object] = {
        "--from multi": from_ == "multi",
        "--by-pattern": by_pattern,
        "--teacher-model": teacher_model,
        "--teacher-method": teacher_method,
        "--teacher-set": teacher_set,
    }
    for option, given_value in idle.items():
        if given_value and not request.seeds:
            say(f"warning: `{option}` does nothing: no teacher is trained")
    patterns_of = (len(task.patterns) for task in teachers.tasks.values())
    if by_pattern and request.seeds and max(patterns_of) == 1:
        say("warning: `--by-pattern` does nothing: each task has one pattern")
    if growth != GROWTH and not generations:
        say("warning: `--growth` does nothing without `--generations`")
    say_left_out(tasks, override, verbalizer)
    theirs, chosen_by = tasks, "--tasks"
    if teacher_tasks is not None:
        theirs, chosen_by = teacher_tasks, "--teacher-tasks"
    say_left_out(theirs, teacher_set, set_by="--teacher-set", chosen_by=chosen_by)
    folder = out or next_run_folder("distill")
    require_folder(folder)
    try:
        done = distil(request, folder, skip_bad_rows=skip_bad_rows)
    except Interrupted as stopped:
        raise stopped.hinted(f"{same_command(folder)} goes on") from None
    if json_:
        put_json(done.to_json())
    else:
        print_table(table(done))
    for checkpoint in done.students:
        say(f"checkpoint: {checkpoint}")


def _of_teachers(where: str | None) -> str | None:
    """Return the place of a problem as the teachers' options name it."""
    for option, of_teachers in (
        ("-s ", "--teacher-set "),
        ("--model ", "--teacher-model "),
        ("--method ", "--teacher-method "),
        ("--tasks ", "--teacher-tasks "),
    ):
        if where is not None and where.startswith(option):
            return of_teachers + where.removeprefix(option)
    return where
