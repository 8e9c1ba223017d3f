"""Models for prediction: a checkpoint, or a backbone with tasks and no training."""

from collections.abc import Iterable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import get_args

from pet_mtl.api.suite import suite_of
from pet_mtl.api.task import Task, task_list
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.settings import positions
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel, plan_for_checkpoint
from pet_mtl.scoring.predictor import Predictor
from pet_mtl.scoring.zero_shot import load_untrained, plan_untrained
from pet_mtl.storage.card_data import hub_name
from pet_mtl.storage.pretrained import load_pieces, resolve_model
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task import CalibrationChoice


def load(
    model: str | Path,
    tasks: Iterable[Task] | Task | str | Path | None = None,
    calibration: CalibrationChoice | None = None,
) -> Predictor:
    """Load a checkpoint, or a backbone for tasks that it was not trained on.

    Raises:
        PetMtlError: no checkpoint or backbone, a damaged one, wrong tasks, or an unknown
            calibration.
    """
    if not isinstance(model, str | PathLike):
        raise PetMtlError(
            f"`model` must be a folder or a name, found {type(model).__name__}",
            hint="such as `pet_mtl.load(run.checkpoint)`",
        )
    if calibration not in (None, *get_args(CalibrationChoice)):
        raise PetMtlError(
            f"unknown calibration `{calibration}`",
            hint=f"one of {', '.join(get_args(CalibrationChoice))}",
        )
    if tasks is None:
        if not Path(model).exists():
            _refuse_backbone(str(model))
        loaded = LoadedCheckpoint(Path(model))
        if calibration is not None:
            plan = plan_for_checkpoint(
                loaded.checkpoint, loaded.suite, loaded.suite.tasks, calibration
            )
            loaded.calibration = plan.carry_out(loaded.raw_log_probs)
        return Predictor(loaded)
    return Predictor(_untrained(str(model), tasks, calibration))


def _untrained(
    model: str, tasks: Iterable[Task] | Task | str | Path, calibration: CalibrationChoice | None
) -> LoadedModel:
    """Load a backbone for tasks, calibrated as `pet-mtl score` calibrates it."""
    given: list[Task] = []
    if isinstance(tasks, str | Path):
        file = Path(tasks)
        bundled = bundled_pattern_file(str(tasks)) if file.name == str(tasks) else file
        suite = load_suite(bundled if bundled.is_file() else file, model=model)
    else:
        given = task_list(tasks)
        suite = suite_of(given, model)
        folder = resolve_model(suite.model)
        load_pieces(folder)  # says what is wrong with a folder
        # the default may be too long for a backbone; what a file says holds here as in `score`
        longest = min(suite.train.max_length, positions(folder))
        train = suite.train.model_copy(update={"max_length": longest})
        suite = suite.model_copy(update={"train": train})
    loaded = load_untrained(suite)
    texts = {
        task.name: partial(task.texts, seed=suite.train.seed)
        for task in given
        if not task.from_files
    }
    plan = plan_untrained(loaded.suite, suite.tasks, calibration, in_memory=texts)
    loaded.calibration = plan.carry_out(loaded.raw_log_probs)
    return loaded


def _refuse_backbone(name: str) -> None:
    """Say what a backbone lacks, where the name is one.

    Raises:
        PetMtlError: the name is that of a model.
    """
    try:
        resolve_model(name)
    except PetMtlError:
        return
    fetch = "; a checkpoint on the hub is fetched first: huggingface_hub.snapshot_download"
    raise PetMtlError(
        f"`{name}` is a backbone, which has no tasks",
        hint=f"name them: pet_mtl.load({name!r}, tasks=[pet_mtl.Task(…)])"
        + (fetch if hub_name(name) else ""),
    )
