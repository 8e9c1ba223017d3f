"""The rows of a suite as they stand in its files: bad rows are noted, nothing is split."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pet_mtl.audit.finding import Finding, Level, first_places, share
from pet_mtl.data.keys import row_keys
from pet_mtl.data.readers import read_rows
from pet_mtl.data.rows import Rows
from pet_mtl.data.table import RowProblem
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import SplitSpec, TaskSpec

MOST_BAD = 100_000  # rows of one source; more than that is not this task's file


@dataclass(frozen=True)
class Part:
    """The rows of one part of a task; `bad` are the rows that `train` would refuse."""

    task: TaskSpec
    name: str
    rows: Rows
    bad: tuple[RowProblem, ...]

    @property
    def title(self) -> str:
        return f"{self.task.name}/{self.name}"

    @property
    def measured(self) -> bool:
        """Say whether scores are computed on it."""
        return self.name in ("dev", "test")

    @property
    def split(self) -> bool:
        """Say whether dev rows are held out of it."""
        return self.name == "train" and isinstance(self.task.data.dev, SplitSpec)

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        return row_keys(self.rows)

    def finding(
        self, level: Level, check: str, rows: NDArray[np.int64], what: str, hint: str | None = None
    ) -> Finding:
        """Return a finding about some of its rows: how many there are that `what`, and where the
        first ones stand."""
        message = f"{share(len(rows), len(self.rows))} {what}"
        return Finding(level, check, self.title, message, first_places(self.rows.where, rows), hint)


def part_sources(task: TaskSpec) -> dict[str, tuple[str, ...]]:
    """Return the sources of each part; a dev part that is a share of the training rows is none of
    its own."""
    dev = () if task.data.dev is None or isinstance(task.data.dev, SplitSpec) else task.data.dev
    parts = {
        "train": task.data.train,
        "dev": dev,
        "test": task.data.test,
        "unlabelled": task.data.unlabelled,
    }
    return {name: sources for name, sources in parts.items() if sources}


def load_parts(suite: Suite) -> list[Part]:
    """Read all parts of all tasks, bad rows left out and noted.

    Raises:
        PetMtlError: a file is missing or holds no good row; with the problems of all tasks.
    """
    problems = ProblemList()
    parts = []
    for task in suite.tasks.values():
        for name, sources in part_sources(task).items():
            rows, bad = [], []
            for source in sources:
                try:
                    found, skipped = read_rows(
                        source,
                        task,
                        base=Path(suite.base),
                        labelled=name != "unlabelled",
                        skip_bad_rows=MOST_BAD,
                    )
                except PetMtlError as error:
                    problems.extend(error)
                    continue
                rows.append(found)
                bad += skipped
            if rows:
                parts.append(Part(task, name, Rows.concat(rows), tuple(bad)))
    problems.raise_if_any()
    return parts
