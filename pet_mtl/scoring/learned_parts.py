"""Tasks with parts that only training gives them, where there has been no training, or where words
alone are read."""

from collections.abc import Iterable

from pet_mtl.console import say
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec


def without_learned_parts(suite: Suite) -> Suite:
    """Return the suite with label words and patterns alone, and say what was left out."""
    for name, task in suite.tasks.items():
        if task.learned_parts:
            say(f"note: {name}: without {_quoted(task.learned_parts)}, which only training gives")
    return suite.model_copy(
        update={"tasks": {n: task.without_learned_parts() for n, task in suite.tasks.items()}}
    )


def warn_of_blanks(tasks: Iterable[TaskSpec]) -> None:
    """Warn of tasks whose shorter words are closed by blanks, which only training teaches."""
    for task in tasks:
        if task.slots != "exact":
            say(
                f"warning: {task.name}: `slots: {task.slots}` means little before training; "
                "`exact` is for zero-shot"
            )


def refuse_learned_parts(suite: Suite, where: str, hint: str) -> None:
    """Refuse a checkpoint whose scores depend on more than its backbone and its label words.

    Raises:
        PetMtlError: a task has learned parts.
    """
    for name, task in suite.tasks.items():
        if task.learned_parts:
            raise PetMtlError(
                f"task `{name}` was trained with {_quoted(task.learned_parts)}",
                where=where,
                hint=hint,
            )


def _quoted(parts: tuple[str, ...]) -> str:
    return ", ".join(f"`{part}`" for part in parts)
