"""Train or score one cell, and what is kept of it."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pet_mtl.comparison.dev_result import DevResult, Measured, listed
from pet_mtl.comparison.engine import Engine
from pet_mtl.comparison.memory import forget_peak
from pet_mtl.data.suite_data import TaskData, dev_rows_of
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.calibration import apply_calibrations
from pet_mtl.report.run import report_run
from pet_mtl.scoring.checkpoint_scores import decide, score_rows
from pet_mtl.scoring.learned_parts import without_learned_parts
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.scoring.thresholds import fitted_where_missing
from pet_mtl.scoring.zero_shot import plan_untrained
from pet_mtl.storage.checked_json import Count
from pet_mtl.storage.pretrained import suite_model
from pet_mtl.storage.taken_up import take_up
from pet_mtl.suite.kind import KindSpec
from pet_mtl.suite.suite import Suite
from pet_mtl.training.run import train


class CellResult(DevResult):
    """What is kept of a finished cell.

    Attributes:
        parameters: as `ParameterCounts.to_json` gives them.
        rows: training rows.
        steps: optimizer steps.
        seconds: wall time; None where the cell was stopped and went on later.
        samples_per_second: training rows a second; of zero-shot, scored rows.
        peak_memory_gb: None where it cannot be told from that of earlier cells.
    """

    parameters: dict[str, Measured]
    rows: Count
    steps: Count
    seconds: Measured | None
    samples_per_second: Measured
    peak_memory_gb: Measured | None

    def fits(self, kinds: Mapping[str, KindSpec], rows: Mapping[str, int]) -> bool:
        known = self.parameters.keys() == {"all", "task_specific", "task_specific_share"}
        return known and super().fits(kinds, rows)


def train_cell(
    suite: Suite, data: Mapping[str, TaskData], folder: Path, engine: Engine | None = None
) -> CellResult:
    """Train a cell, or go on with it where it was stopped; its weights are removed at the end.

    Raises:
        Interrupted: the state was saved.
        RunError: the training failed.
    """
    run, measured = folder / "run", forget_peak()
    resume = take_up(run)
    done = (engine.train if engine else partial(train, report=report_run))(
        suite, run, resume=resume, data=data
    )
    return CellResult(
        scores={name: score.main.value for name, score in done.scores.items()},
        predicted={name: listed(of_task) for name, of_task in done.predicted.items()},
        parameters=done.parameters.to_json(),
        rows=sum(len(task.train) for task in data.values()),
        steps=done.steps,
        seconds=None if resume else round(done.seconds, 2),
        samples_per_second=done.samples_per_second,
        peak_memory_gb=round(done.peak_memory_gb, 3) if measured else None,
    )


def zero_shot_cell(
    suite: Suite, data: Mapping[str, TaskData], engine: Engine | None = None
) -> CellResult:
    """Score the dev rows with the backbone as it is, as `pet-mtl score MODEL --patterns` does."""
    suite = without_learned_parts(suite)
    measured, started = forget_peak(), time.monotonic()
    loaded = (engine.load if engine else LoadedModel)(suite_model(suite), suite)
    rows = dev_rows_of(data)
    plan = plan_untrained(suite, rows)
    throughput = Throughput()
    log_probs = loaded.raw_log_probs(rows, throughput=throughput, title="scoring")
    suite = fitted_where_missing(suite, rows, log_probs)
    log_probs = apply_calibrations(log_probs, plan.carry_out(loaded.raw_log_probs))
    assert loaded.parameters is not None
    speed: dict[str, Any] = throughput.to_json()
    return CellResult(
        scores={
            name: score.main.value for name, score in score_rows(suite, rows, log_probs).items()
        },
        predicted={name: listed(made) for name, made in decide(suite, log_probs).items()},
        parameters=loaded.parameters.to_json(),
        rows=0,
        steps=0,
        seconds=round(time.monotonic() - started, 2),
        samples_per_second=speed["samples_per_second"],
        peak_memory_gb=round(loaded.machine.peak_memory_gb(), 3) if measured else None,
    )
