"""Whether the models of a distillation can be built, asked before the first is trained: a student's
would be refused when its teachers have been."""

from collections.abc import Collection, Iterator
from pathlib import Path

from pet_mtl.distillation.folder import RESULT
from pet_mtl.distillation.plan import (
    Request,
    group_name,
    plan_teachers,
    student_suite,
    task_groups,
    teacher_suite,
    without_soft_labels,
)
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.stepping.optim import require_layers
from pet_mtl.storage.pretrained import suite_model
from pet_mtl.suite.idle import refuse_untrained
from pet_mtl.suite.suite import Suite


def check_models(request: Request, out: Path, taught: Collection[str]) -> None:
    """Refuse what training would refuse of the models that are still to be trained.

    Args:
        taught: the students' tasks that have teachers.

    Raises:
        PetMtlError: with the problems of all models.
    """
    problems, known = ProblemList(), set[tuple[str, str | None]]()
    for who, folder, suite in _runs(request):
        if (out / folder / RESULT).is_file():
            continue
        try:
            refuse_untrained(suite, taught if who == "students" else ())
            loaded = LoadedModel(suite_model(suite), suite, dropout=suite.train.dropout)
            require_layers(suite.train, loaded.model)
        except PetMtlError as error:
            for each in error.problems:
                if (each.message, each.where) not in known:
                    known.add((each.message, each.where))
                    problems.add(f"{who}: {each.message}", where=each.where, hint=each.hint)
    problems.raise_if_any()


def _runs(request: Request) -> Iterator[tuple[str, Path, Suite]]:
    """Yield of each sort of model, seeds and folds apart, who it is, the folder of its last run and
    what it is trained by."""
    generation = f"generation-{request.generations}" if request.generations else "teachers"
    last = {(one.tasks, one.pattern): one for one in plan_teachers(request)}
    for teacher in last.values():
        yield "teachers", Path(generation, teacher.name), teacher_suite(request.teacher, teacher)
    for tasks in task_groups(request.student, request.students_have):
        suite, name = student_suite(request.student, tasks), group_name(tasks)
        if request.alone:
            yield "labels alone", Path("alone", name), without_soft_labels(suite)
        yield "students", Path("students", name), suite
