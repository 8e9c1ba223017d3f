"""The rows that a command is given: a suite's dev rows, or files named by `--data`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pet_mtl.console import say
from pet_mtl.data.readers import read_rows
from pet_mtl.data.rows import Rows
from pet_mtl.data.streams import RowStream, open_rows
from pet_mtl.data.suite_data import load_dev, skipped_notes
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.scoring.loaded import require_task
from pet_mtl.suite.chain import chain_of
from pet_mtl.suite.suite import Suite


def say_idle_words(files: Mapping[str, object], suite: Suite, rows: Iterable[str]) -> None:
    """Tell of label words (`files`, by task) that nothing of the tasks with rows needs."""
    read = {other for name in rows for other in (name, *chain_of(suite.tasks[name], suite.tasks))}
    for name, file in files.items():
        if name not in read:
            say(
                f"warning: `--verbalizer {name}={file}` does nothing: no rows of `{name}` are given"
            )


def dev_rows(suite: Suite, skip_bad_rows: int = 0) -> dict[str, Rows]:
    """Read the dev rows of all tasks that have some.

    Raises:
        PetMtlError: no task has any; a file is missing or bad.
    """
    problems, rows = ProblemList(), {}
    for name, task in suite.tasks.items():
        if task.data.dev is None:
            continue
        try:
            dev, notes = load_dev(
                task, Path(suite.base), suite.train.seed, skip_bad_rows=skip_bad_rows
            )
        except PetMtlError as error:
            problems.extend(error)
            continue
        for note in notes:
            say(f"warning: {name}: {note}")
        if dev is not None and len(dev):
            rows[name] = dev
    problems.raise_if_any()
    if not rows:
        raise PetMtlError(
            f"no dev rows: {', '.join(suite.tasks)} name none",
            hint="give rows with `--data TASK=FILE`",
        )
    return rows


def labelled_rows(suite: Suite, data: Mapping[str, str], skip_bad_rows: int = 0) -> dict[str, Rows]:
    """Read labelled rows for some tasks, paths relative to the working directory."""
    problems, rows = ProblemList(), {}
    for name, source in data.items():
        try:
            task = require_task(suite, name, f"--data {name}={source}")
            rows[name], skipped = read_rows(
                source, task, base=Path(), skip_bad_rows=skip_bad_rows, tolerant=True
            )
            for note in skipped_notes(skipped):
                say(f"warning: {name}: {note}")
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    return rows


def unlabelled_rows(
    suite: Suite, data: Mapping[str, str], header: bool | None = None
) -> dict[str, RowStream]:
    """Go through rows whose labels, if any, do not matter, and return what reads them; `header` as
    `read_rows` has it."""
    problems, found = ProblemList(), {}
    for name, source in data.items():
        try:
            task = require_task(suite, name, f"--data {name}={source}")
            found[name] = open_rows(source, task, base=Path(), header=header)
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    return found
