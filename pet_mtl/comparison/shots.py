"""Few rows of each label, the same for every method."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.rows import Rows
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
    """Return the data with the training rows that `choose_rows` gives; dev rows stay as they
    are."""
    if shots == ALL:
        return dict(data)
    chosen = {}
    for name, task in data.items():
        rows = choose_rows(task.train, int(shots), seed)
        chosen[name] = replace(
            task, train=task.train.take(rows), train_keys=task.train_keys[rows], notes=[]
        )
    return chosen


def most_of_a_label(data: Mapping[str, TaskData]) -> int:
    """Return how many training rows the most frequent label of any task has."""
    return max(len(rows) for task in data.values() for rows in _by_label(task.train).values())


def choose_rows(rows: Rows, shots: int, seed: int) -> NDArray[np.int64]:
    """Return the indices of `shots` rows for each label, in their order; all rows of a label that
    has fewer.

    Of sets, each label gets rows that have it, and so does the empty set; of numbers, each tenth of
    their range gets rows. A label's rows depend on the seed and the rows alone, and fewer shots are
    some of the rows of more shots.
    """
    chosen = [
        FEW_SHOTS.generator(seed, label).permutation(of_label)[:shots]
        for label, of_label in _by_label(rows).items()
    ]
    return np.unique(np.concatenate(chosen))


def _by_label(rows: Rows) -> dict[int, NDArray[np.int64]]:
    """Return the indices of the rows of each label that occurs."""
    labels = np.unique(rows.labels[rows.labels >= 0]).tolist()
    found = {label: np.flatnonzero(rows.labels == label) for label in labels}
    if rows.targets is not None and rows.targets.ndim == 2:
        # `labels` has the first of each set alone, and for an empty one the number behind the last
        found |= {label: np.flatnonzero(of > 0) for label, of in enumerate(rows.targets.T)}
    return {label: of_label for label, of_label in found.items() if len(of_label)}
