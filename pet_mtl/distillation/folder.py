"""The folder of a distillation: what belongs to it, and its runs, each of which goes on where it
was stopped."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pet_mtl.atomic import write_text
from pet_mtl.comparison.dev_result import DevResult, Measured, listed
from pet_mtl.data.digest import rows_digest, short_digest
from pet_mtl.data.suite_data import TaskData
from pet_mtl.distillation.plan import Request
from pet_mtl.errors import PetMtlError
from pet_mtl.leftovers import sweep
from pet_mtl.report.run import report_run
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.storage.backbone_digests import backbone_digests, refuse_replaced
from pet_mtl.storage.checked_json import Count, read_bounded
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.storage.same_settings import (
    changed_keys,
    note_settings,
    same_settings,
    training_settings,
)
from pet_mtl.storage.taken_up import take_up
from pet_mtl.suite.suite import Suite
from pet_mtl.training.run import train

SETTINGS, RESULT = "distill.json", "result.json"
PAGES = ("distill.md", "results.json")
PARTS = ("answers/*.safetensors", *(f"{kind}/*/last" for kind in ("teachers", "students", "alone")))


class RunResult(DevResult):
    """What is kept of a finished run.

    Attributes:
        rows: training rows, those without a label included.
        seconds: wall time; None where the run was stopped and went on later.
    """

    rows: Count
    steps: Count
    seconds: Measured | None


def settings_of(request: Request, data: Mapping[str, TaskData]) -> dict[str, Any]:
    """Return all that the results depend on, as plain values."""
    return {
        "from": request.teachers_have,
        "to": request.students_have,
        "seeds": request.seeds,
        "by_pattern": request.by_pattern,
        "folds": request.folds,
        "generations": request.generations,
        "growth": request.growth,
        "teachers": [short_digest((folder / MANIFEST).read_bytes()) for folder in request.given],
        "teacher": training_settings(request.teacher),
        "student": training_settings(request.student),
        "backbones": backbone_digests(
            {"teacher.model": request.teacher, "student.model": request.student}
        ),
        "rows": {name: rows_digest(task) for name, task in data.items()},
    }


def _learned(task: TaskData, answers: FloatArray | None) -> int:
    """Return the rows that a task learns from: all that teachers speak of, else the labelled
    ones."""
    return len(task.train) if answers is None else int((~np.isnan(answers).any(1)).sum())


def check_settings(out: Path, now: Mapping[str, Any]) -> None:
    """Note the settings of a distillation, after checking that what is there was made with the same
    ones.

    Raises:
        PetMtlError: the folder holds another distillation.
    """
    plain = json.loads(json.dumps(now))
    for left in (SETTINGS, *PAGES):
        sweep(out / left)

    def changes(then: dict[str, Any]) -> list[str]:
        then = {"backbones": {}, **then}  # earlier versions noted none
        for part in ("teacher", "student", "rows"):  # KeyError: these are no settings
            then[part].keys()
        found = changed_keys(then, {**plain, "backbones": then["backbones"]})
        if not found:
            refuse_replaced(then["backbones"], plain["backbones"], out)
        return found

    same_settings(out / SETTINGS, "distillation", PARTS, changes)
    note_settings(out / SETTINGS, now)


def do_run(
    folder: Path,
    suite: Suite,
    data: Mapping[str, TaskData],
    *,
    teachers: Sequence[Path] = (),
    answers: Mapping[str, FloatArray] | None = None,
) -> RunResult:
    """Train a run, go on with it where it was stopped, or read what it found.

    Raises:
        Interrupted: the state was saved.
        RunError: the training failed.
        PetMtlError: its result is damaged.
    """
    file = folder / RESULT
    sweep(file)
    if file.is_file():
        return _read_result(file, suite, data)
    resume = take_up(folder)
    done = train(
        suite, folder, resume=resume, data=data, teachers=teachers, answers=answers,
        report=report_run,
    )  # fmt: skip
    result = RunResult(
        scores={name: score.main.value for name, score in done.scores.items()},
        predicted={name: listed(each) for name, each in done.predicted.items()},
        rows=sum(_learned(task, (answers or {}).get(name)) for name, task in data.items()),
        steps=done.steps,
        seconds=None if resume else round(done.seconds, 1),
    )
    write_text(file, result.model_dump_json() + "\n")
    return result


def _read_result(file: Path, suite: Suite, data: Mapping[str, TaskData]) -> RunResult:
    damaged = PetMtlError("damaged", where=str(file), hint="remove it: the run then ends once more")
    try:
        result = RunResult.model_validate_json(read_bounded(file))
    except (ValueError, OSError, RecursionError) as error:
        raise damaged from error
    rows = {name: len(task.dev) for name, task in data.items() if task.dev}
    if not result.fits({name: suite.tasks[name].kind_spec for name in rows}, rows):
        raise damaged
    return result
