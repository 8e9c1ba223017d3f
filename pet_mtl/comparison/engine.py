"""Neighbours that may do a cell in our place; their packages are imported when a cell is to be
done, not before."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pet_mtl.cloze.sampling import Schedule
from pet_mtl.data.suite_data import TaskData
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.suite.suite import Suite
from pet_mtl.training.result import TrainResult

EngineName = Literal["openprompt"]
OPENPROMPT: EngineName = "openprompt"


class Train(Protocol):
    """The shape of `pet_mtl.training.run.train`."""

    def __call__(
        self, suite: Suite, out: Path, *, resume: bool, data: Mapping[str, TaskData]
    ) -> TrainResult: ...


@dataclass(frozen=True)
class Engine:
    """What trains a cell, what loads a model to be scored without training, and how its steps are
    cut."""

    train: Train
    load: type[LoadedModel]
    schedule: type[Schedule]


def find_engine(name: EngineName) -> Engine:
    """Return the engine of that name.

    Raises:
        PetMtlError: its package is not installed.
    """
    from pet_mtl.compat.openprompt import openprompt_engine
    from pet_mtl.compat.openprompt_train import OneTaskSchedule, train_with_openprompt

    return Engine(train_with_openprompt, openprompt_engine()[1], OneTaskSchedule)
