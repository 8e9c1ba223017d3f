"""Models for prediction: a checkpoint, or a backbone with tasks and no training."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pet_mtl.api.task import Task, suite_of
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.settings import positions
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.scoring.calibration.plan import plan_calibrations
from pet_mtl.scoring.learned_parts import without_learned_parts
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.scoring.predictor import Predictor
from pet_mtl.storage.card_data import hub_name
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.storage.pretrained import resolve_model
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task import CalibrationChoice


def load(
    model: str | Path,
    tasks: Sequence[Task] | str | Path | None = None,
    calibration: CalibrationChoice = "none",
) -> Predictor:
    """Load a checkpoint, or a backbone for tasks that it was not trained on.

    Raises:
        PetMtlError: no checkpoint or backbone, a damaged one, or wrong tasks.
    """
    if tasks is None:
        if not Path(model).exists() and not (Path(model) / MANIFEST).is_file():
            _refuse_backbone(str(model))
        return Predictor(Path(model))
    if isinstance(tasks, str | Path):
        file = Path(tasks)
        bundled = bundled_pattern_file(str(tasks)) if file.name == str(tasks) else file
        suite, given = load_suite(bundled if bundled.is_file() else file, model=str(model)), []
    else:
        suite, given = suite_of(tasks, str(model)), [task for task in tasks if not task.from_files]
    folder = resolve_model(suite.model)
    longest = min(suite.train.max_length, positions(folder))
    train = suite.train.model_copy(update={"max_length": longest})
    suite = without_learned_parts(suite.model_copy(update={"train": train}))
    loaded = LoadedModel(folder, suite)
    choices: Mapping[str, CalibrationChoice] = dict.fromkeys(suite.tasks, calibration)
    texts = {task.name: partial(task.texts, seed=suite.train.seed) for task in given}
    plan = plan_calibrations(suite, choices, {}, in_memory=texts)
    loaded.calibration = plan.carry_out(loaded.raw_log_probs)
    return Predictor(loaded)


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
