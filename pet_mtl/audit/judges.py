"""The suite that is checked, and the checkpoints that judge its labels."""

from collections.abc import Sequence
from pathlib import Path

from pet_mtl.data.memory import MEMORY, NO_FILE
from pet_mtl.errors import PetMtlError
from pet_mtl.paths import absolute, user_path
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.storage.checkpoint import is_checkpoint, read_checkpoint
from pet_mtl.suite.suite import Suite, load_suite


def choose_judges(
    patterns: Path | None,
    models: Sequence[str],
    *,
    data_root: Path | None = None,
    overrides: Sequence[str] = (),
    only: Sequence[str] | None = None,
) -> tuple[Suite, tuple[str, ...]]:
    """Return the suite whose rows are checked, and those of `models` that are checkpoints.

    Args:
        patterns: None for the suite that the first checkpoint stores, or the bundled `default`.
        models: none, a backbone, or checkpoints; the first one's tokenizer counts tokens.
        overrides: settings of a pattern file, `key=value`; and `only` some of its tasks.

    Raises:
        PetMtlError: several models, and not all of them checkpoints; settings or tasks of a suite
            that a checkpoint stores, or its rows were in memory; see `load_suite` and
            `read_checkpoint`.
    """
    models = tuple(dict.fromkeys(models))
    checkpoints = tuple(model for model in models if is_checkpoint(Path(model)))
    if len(models) > 1 and checkpoints != models:
        other = next(model for model in models if model not in checkpoints)
        raise PetMtlError(
            "is no checkpoint, and only checkpoints judge labels together",
            where=f"--model {other}",
            hint="give one model, or several checkpoints",
        )
    first = models[0] if models else None
    if patterns is not None or not checkpoints:
        file = patterns or bundled_pattern_file("default")
        suite = load_suite(file, overrides=overrides, data_root=data_root, model=first, only=only)
        return suite, checkpoints
    if overrides or only:
        raise PetMtlError(
            "`-s` and `--tasks` are for a pattern file, and a checkpoint's own tasks are checked",
            where=f"--model {checkpoints[0]}",
            hint="add `--patterns FILE`",
        )
    suite = read_checkpoint(Path(checkpoints[0])).suite.model_copy(update={"model": first})
    sources = {
        name for task in suite.tasks.values() for name in task.data.train + task.data.unlabelled
    }
    if MEMORY in sources:
        raise PetMtlError(NO_FILE, where=f"--model {checkpoints[0]}", hint="add `--patterns FILE`")
    if data_root is not None:
        base = str(absolute(user_path(data_root), "--data-root"))
        suite = suite.model_copy(update={"base": base})
    return suite, checkpoints
