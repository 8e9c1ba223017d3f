"""How well labels with hierarchical names are found, level by level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.metrics.classification import TaskScore, score_predictions

# the names of a level, and for each label `[K]` which is its own
Level = tuple[Sequence[str], NDArray[np.int64]]


@dataclass(frozen=True)
class LevelScore:
    """How well the names of one level are found; `level` counts from 1 at the top."""

    level: int
    labels: int
    macro_f1: float
    macro_f1_ci95: tuple[float, float]
    accuracy: float


@dataclass(frozen=True)
class HierarchyScore(TaskScore):
    """A `TaskScore` of the labels and, beside it, one of each level.

    A label that ends above a level stands for itself there, so the lowest level has the labels.
    """

    levels: tuple[LevelScore, ...] = ()

    def summary(self) -> dict[str, float]:
        upper = {f"macro_f1_level_{one.level}": one.macro_f1 for one in self.levels[:-1]}
        return {**super().summary(), **upper}

    def shown(self) -> list[tuple[str, str, str]]:
        first, *others = super().shown()
        upper = [
            (
                f"macro-F1, level {one.level}",
                f"{one.macro_f1:.3f}",
                f"95 % interval {one.macro_f1_ci95[0]:.3f} – {one.macro_f1_ci95[1]:.3f}, "
                f"{one.labels} names",
            )
            for one in self.levels[:-1]
        ]
        return [first, *upper, *others]

    def to_json(self) -> dict[str, Any]:
        done = super().to_json()
        levels = [{**vars(one), "macro_f1_ci95": list(one.macro_f1_ci95)} for one in self.levels]
        return {**done, "levels": levels}


def score_levels(
    gold: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    labels: Sequence[str],
    levels: Sequence[Level],
    *,
    resamples: int = 1000,
) -> HierarchyScore:
    """Score predictions, both [N] indices into `labels`; those of upper levels are what stands
    above the predicted labels.

    Raises:
        ValueError: as `score_predictions`.

    >>> levels = [(["a", "b"], np.array([0, 0, 1])), (["a/x", "a/y", "b"], np.arange(3))]
    >>> score = score_levels(np.array([0, 1, 2]), np.array([1, 1, 2]), levels[1][0], levels)
    >>> [round(one.macro_f1, 3) for one in score.levels]
    [1.0, 0.556]
    """
    plain = score_predictions(gold, predicted, labels, resamples=resamples)
    each = []
    for number, (names, of_labels) in enumerate(levels, 1):
        found = score_predictions(of_labels[gold], of_labels[predicted], names, resamples=resamples)
        each.append(
            LevelScore(number, len(names), found.macro_f1, found.macro_f1_ci95, found.accuracy)
        )
    return HierarchyScore(**vars(plain), levels=tuple(each))
