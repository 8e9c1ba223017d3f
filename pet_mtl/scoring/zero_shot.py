"""A model for tasks that it was not trained on (zero-shot): its tasks, its calibration, and the
checkpoint that it makes."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pet_mtl.atomic import new_folder
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.model.methods import capabilities
from pet_mtl.scoring.calibration.plan import Plan, plan_calibrations
from pet_mtl.scoring.learned_parts import warn_of_blanks, without_learned_parts
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.storage.backbone_digests import weights_digest
from pet_mtl.storage.checkpoint import add_calibration, fill_checkpoint, is_checkpoint
from pet_mtl.storage.model_card import CardFacts, license_of
from pet_mtl.storage.pretrained import resolve_model
from pet_mtl.storage.trained_on import read_trained_on
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import CalibrationChoice, TaskSpec


def untrained(suite: Suite) -> Suite:
    """Return the suite without what only training gives, and say what was left out.

    Raises:
        PetMtlError: its method predicts nothing before it is trained.
    """
    if not capabilities(suite.method).zero_shot:
        raise PetMtlError(
            f"`method: {suite.method.name}` predicts nothing before it is trained",
            where=suite.source,
            hint="give a checkpoint, or tasks of the method `pet`",
        )
    return without_learned_parts(suite)


def load_untrained(suite: Suite) -> LoadedModel:
    """Return a suite's model with its tasks, without calibration.

    Raises:
        PetMtlError: see `untrained` and `LoadedModel`.
    """
    suite, folder = untrained(suite), resolve_model(suite.model)
    if not is_checkpoint(Path(folder)):
        warn_of_blanks(suite.tasks.values())
    return LoadedModel(folder, suite)


def plan_untrained(
    suite: Suite,
    tasks: Iterable[str],
    wanted: CalibrationChoice | None = None,
    *,
    in_memory: Mapping[str, Callable[[TaskSpec], Rows]] = {},
    skip_bad_rows: int = 0,
) -> Plan:
    """Plan the calibrations of some tasks: what each says unless `wanted` says otherwise, `auto`
    being `prior`.

    Raises:
        PetMtlError: see `plan_calibrations`.
    """
    choices = {name: wanted or suite.tasks[name].calibration for name in tasks}
    return plan_calibrations(
        suite,
        choices,
        dict.fromkeys(choices, "prior"),
        in_memory=in_memory,
        skip_bad_rows=skip_bad_rows,
    )


def save_untrained(loaded: LoadedModel, out: Path) -> None:
    """Write a model with its tasks and calibrations as a checkpoint, at step 0, to a new folder.

    Raises:
        PetMtlError: the folder holds something, or cannot be written; the model cannot read the
            tasks.
    """
    _ = loaded.compiled  # which refuses tasks that nothing has read yet
    suite, home = loaded.suite, Path(loaded.home)
    facts = CardFacts(
        license=license_of(suite.model, home), started_from=weights_digest(loaded.home)
    )
    metrics = {"step": 0}
    with new_folder(out, replace=False) as folder:
        trained_on = read_trained_on(home)  # of a checkpoint, for other tasks
        fill_checkpoint(folder, loaded.mlm, loaded.tokenizer, suite, metrics, {}, trained_on, facts)
        add_calibration(folder, loaded.calibration, metrics)
