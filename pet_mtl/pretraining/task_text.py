"""Documents out of a suite's own rows: training and unlabelled ones, never dev or test rows."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData


@dataclass(frozen=True)
class TaskText:
    """The texts of rows as a corpus: a row is a document, its fields are the paragraphs."""

    rows: tuple[Rows, ...]

    @property
    def digest(self) -> str:
        digest = hashlib.sha256(b"task text")
        for document in self.documents():
            digest.update("\n".join(document).encode() + b"\0")
        return digest.hexdigest()

    def documents(self) -> Iterator[list[str]]:
        for rows in self.rows:
            columns = [column.to_pylist() for column in rows.fields.values()]
            for texts in zip(*columns, strict=True):
                lines = [line.strip() for text in texts for line in text.splitlines()]
                if document := [line for line in lines if line]:
                    yield document


def training_rows(
    data: Mapping[str, TaskData], *, unlabelled: bool = True
) -> tuple[dict[str, list[Rows]], int]:
    """Return the rows of each task that may be trained on, and how many were left out for the text
    of a dev or test row of any task.

    Args:
        data: as `load_suite_data` gives it: held-out dev rows are no longer among the training
            rows, nor those with their texts among the unlabelled ones.
        unlabelled: whether unlabelled rows are wanted.
    """
    kept: dict[str, list[Rows]] = {}
    left_out = 0
    parts = [rows for task in data.values() for rows in (task.dev, task.test) if rows is not None]
    seen = np.concatenate([np.empty(0, np.uint64), *map(row_keys, parts)])
    for name, task in data.items():
        kept[name] = []
        for rows in (task.train, task.unlabelled if unlabelled else None):
            if rows is None:
                continue
            fresh = np.flatnonzero(~np.isin(row_keys(rows), seen))
            left_out += len(rows) - len(fresh)
            kept[name].append(rows.take(fresh))
    return kept, left_out
