"""Tasks of sets and of numbers, and how their rows are read."""

from pathlib import Path

import pytest

from pet_mtl.data.readers import read_rows
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.task import DataSpec, TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer

TEXT = {"text": 0, "label": 1}
NAMED = {"text": "text", "label": "label"}


def sets_task(columns: dict[str, int | str] = TEXT, **more: object) -> TaskSpec:
    return TaskSpec.model_validate(
        {
            "name": "toy",
            "kind": "multi_label",
            "patterns": "{mask}{text}",
            "verbalizer": Verbalizer(
                labels=("a", "b", "3"), words=(("x",), ("y",), ("z",)), source="toy.txt"
            ),
            "columns": columns,
            "data": DataSpec(train=("t.tsv",), dev=("d.tsv",)),
            "no": ["n"],
            **more,
        }
    )


def number_task(**more: object) -> TaskSpec:
    return TaskSpec.model_validate(
        {
            "name": "toy",
            "kind": "similarity",
            "patterns": "{mask}{text}",
            "verbalizer": Verbalizer(labels=("0", "5"), words=(("x",), ("y",)), source="toy.txt"),
            "columns": TEXT,
            "data": DataSpec(train=("t.tsv",)),
            **more,
        }
    )


def read(path: Path, task: TaskSpec, **more: object) -> Rows:
    return read_rows(path.name, task, base=path.parent, **more)[0]  # type: ignore[arg-type]


def refused(path: Path, task: TaskSpec) -> PetMtlError:
    with pytest.raises(PetMtlError) as caught:
        read(path, task)
    return caught.value
