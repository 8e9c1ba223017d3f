"""The rows of a request as a job, and jobs scored as `predict` scores."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from pet_mtl.data.rows import Rows
from pet_mtl.model.calibration import apply_calibrations
from pet_mtl.scoring.log_probs import FloatArray, task_log_probs
from pet_mtl.serving.api_error import ApiError
from pet_mtl.serving.limits import Limits
from pet_mtl.serving.models import Served
from pet_mtl.serving.schema import Row
from pet_mtl.suite.task import TaskSpec


@dataclass(eq=False)
class Job:
    """Rows of one task that wait for their label log-probabilities `[rows, K]`."""

    served: Served
    task: TaskSpec
    columns: dict[str, list[str]]
    rows: int
    tokens: int
    future: "Future[FloatArray]" = field(default_factory=Future)


def make_job(served: Served, task: TaskSpec, rows: Sequence[Row], limits: Limits) -> Job:
    """Put the rows of a request into columns.

    Raises:
        ApiError: 422, too many rows, a text that is too long, a row without a text for a field.
    """
    if len(rows) > limits.rows:
        raise ApiError(
            422,
            "too_many_rows",
            f"{len(rows):,} rows in one request, {limits.rows:,} are allowed",
            hint="send them in several requests",
        )
    columns: dict[str, list[str]] = {name: [] for name in task.fields}
    single = task.fields[0] if len(task.fields) == 1 else None
    for number, row in enumerate(rows):
        for name, column in columns.items():
            text = row if isinstance(row, str) and name == single else None
            if isinstance(row, dict):
                text = row.get(name)
            if text is None:
                form = ", ".join(f'"{field}": "…"' for field in task.fields)
                raise ApiError(
                    422,
                    "missing_field",
                    f"rows[{number}] gives no text for the field `{name}`",
                    hint=f"task `{task.name}` takes rows such as {{{form}}}",
                )
            if len(text) > limits.length:
                raise ApiError(
                    422,
                    "text_too_long",
                    f"rows[{number}] has {len(text):,} characters in the field `{name}`, "
                    f"{limits.length:,} are allowed",
                )
            column.append(text)
    return Job(served, task, columns, len(rows), served.tokens(task, columns))


def score_jobs(jobs: Sequence[Job]) -> list[FloatArray]:
    """Return each job's label log-probabilities `[rows, K]`: rows of all tasks of a checkpoint are
    scored together."""
    found: dict[int, FloatArray] = {}
    for served in {id(job.served): job.served for job in jobs}.values():
        loaded = served.loaded
        by_task: dict[str, list[Job]] = {}
        for job in jobs:
            if job.served is served:
                by_task.setdefault(job.task.name, []).append(job)
        rows = {
            name: Rows.of(
                {
                    column: list(chain.from_iterable(job.columns[column] for job in of_task))
                    for column in of_task[0].columns
                }
            )
            for name, of_task in by_task.items()
        }
        prompts = loaded.encode(rows)
        raw = task_log_probs(prompts, loaded.item_scores(prompts))
        log_probs = apply_calibrations(raw, loaded.calibration)
        for name, of_task in by_task.items():
            ends = np.cumsum([job.rows for job in of_task])[:-1]
            for job, part in zip(of_task, np.split(log_probs[name], ends), strict=True):
                found[id(job)] = part
    return [found[id(job)] for job in jobs]
