"""What a run is given beside its suite."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.suite_data import TaskData
from pet_mtl.model.hardware import Machine


@dataclass(frozen=True)
class Given:
    """Rows and model, before anything is compiled or trained.

    Attributes:
        data: the rows of each task.
        mlm: the masked language model.
        tokenizer: its tokenizer.
        machine: where it runs.
        resumed: the state of the run that goes on; None for a new one.
        rows: how many are learned from, unlabelled ones that a teacher speaks of among them.
    """

    data: Mapping[str, TaskData]
    mlm: Any
    tokenizer: PieceTokenizer
    machine: Machine
    resumed: Path | None = None
    rows: int = 0
