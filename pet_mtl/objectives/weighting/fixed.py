"""Weights as they were set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pet_mtl.objectives.weighting.task_step import TaskStep


@dataclass(frozen=True)
class FixedWeights:
    """Weights that never change."""

    given: Mapping[str, float]
    wants: ClassVar[Literal["nothing"]] = "nothing"

    def begin(self, epoch: int) -> None:
        """Epochs mean nothing here."""

    def weights(self) -> Mapping[str, float]:
        return self.given

    def update(self, step: Mapping[str, TaskStep]) -> None:
        """Learn nothing."""
