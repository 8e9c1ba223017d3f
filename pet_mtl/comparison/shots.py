"""Few rows of each label, the same for every method."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.suite_data import TaskData
from pet_mtl.errors import PetMtlError
from pet_mtl.random_streams import FEW_SHOTS

ALL = "all"
Shots = int | str  # a number of rows for each label, or ALL


def read_shots(text: str) -> list[Shots]:
    """Read the value of `--shots`: numbers in growing order, `all` last.

    >>> read_shots("32,all,0,8,8")
    [0, 8, 32, 'all']

    Raises:
        PetMtlError: neither a number from 0 nor `all`.
    """
    parts = {part.strip() for part in text.split(",")}
    for part in parts - {ALL}:
        if not (part.isascii() and part.isdecimal() and len(part) < 10):
            raise PetMtlError(
                f"`{part}` is not a number of rows",
                where=f"--shots {text}",
                hint="for example: --shots 0,8,32,all",
            )
    numbers: list[Shots] = [*sorted({int(part) for part in parts - {ALL}})]
    return [*numbers, ALL] if ALL in parts else numbers


def few_rows(data: Mapping[str, TaskData], shots: Shots, seed: int) -> dict[str, TaskData]:
    """Return the data with `shots` training rows for each label of each task; dev rows stay as they
    are."""
    if shots == ALL:
        return dict(data)
    chosen = {}
    for name, task in data.items():
        rows = choose_rows(task.train.labels, int(shots), seed)
        chosen[name] = replace(
            task, train=task.train.take(rows), train_keys=task.train_keys[rows], notes=[]
        )
    return chosen


def most_of_a_label(data: Mapping[str, TaskData]) -> int:
    """Return how many training rows the most frequent label of any task has."""
    labels = (task.train.labels for task in data.values())
    return max(int(np.bincount(each[each >= 0]).max(initial=0)) for each in labels)


def choose_rows(labels: NDArray[np.int64], shots: int, seed: int) -> NDArray[np.int64]:
    """Return the indices of `shots` rows for each label, in their order; all rows of a label that
    has fewer.

    A label's rows depend on the seed and the rows alone, and fewer shots are some of the rows of
    more shots.
    """
    chosen = [
        FEW_SHOTS.generator(seed, int(label)).permutation(np.flatnonzero(labels == label))[:shots]
        for label in np.unique(labels[labels >= 0])
    ]
    return np.sort(np.concatenate(chosen))
