"""The suite of a program's tasks, checked as a pattern file is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pet_mtl.api.task import Task
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, suite_from_tree


def suite_of(
    tasks: Sequence[Task],
    model: str | Path,
    *,
    settings: Mapping[str, Any] = {},
    sampling: Mapping[str, Any] = {},
    method: str | Mapping[str, Any] = "pet",
    name: str = "python",
) -> Suite:
    """Return the suite of some tasks, checked as a pattern file is.

    Raises:
        PetMtlError: with all problems; the places are keys such as `tasks.news.patterns`.
    """
    if len({task.name for task in tasks}) < len(tasks):
        raise PetMtlError("two tasks have one name", where="tasks")
    tree = {
        "version": 1,
        "model": model,
        "tasks": {task.name: task.section() for task in tasks},
        "method": method,
        "train": settings,
        "sampling": sampling,
    }
    return suite_from_tree(_plain_data(tree), name)


def _plain_data(value: Any) -> Any:
    """Return data as a pattern file would hold it: Python's numbers for numpy's, which grids of
    parameters hold, lists for tuples, and texts for paths."""
    if isinstance(value, Mapping):
        return {key: _plain_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [*map(_plain_data, value)]
    if isinstance(value, Path):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value
