"""What each stage of a distillation brought, as figures and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pet_mtl.comparison.statistics import Difference, Spread, paired_difference
from pet_mtl.distillation.folder import RunResult
from pet_mtl.kinds import Kind
from pet_mtl.kinds.kind import Decided, Gold
from pet_mtl.metrics.score import figures_title, mean_key
from pet_mtl.report.table import titled_table

if TYPE_CHECKING:
    from rich.table import Table

DASH = "–"


@dataclass(frozen=True)
class Stage:
    """One line of the table.

    Attributes:
        name: what it is.
        models: how many were trained or asked.
        rows: training rows of a model, the mean over models.
        scores: main figure of the dev rows by task, over the models that know it.
        predicted: decisions on the dev rows of each of these, by task.
        seconds: of training; 0 where nothing was trained, None where it is not known of a run.
    """

    name: str
    models: int
    rows: float
    scores: Mapping[str, Spread]
    predicted: Mapping[str, Sequence[Decided]]
    seconds: float | None = 0.0

    @property
    def mean(self) -> float | None:
        """The mean over tasks; None without dev rows."""
        means = [score.mean for score in self.scores.values()]
        return float(np.mean(means)) if means else None


@dataclass(frozen=True)
class Distillation:
    """The whole result.

    Attributes:
        out: its folder.
        metrics: the main figure of each task with dev rows.
        stages: in the order of the work.
        gains: of each stage over the first, with its interval; None for the first and where the
            tasks are not the same.
        students: checkpoints.
    """

    out: Path
    metrics: Mapping[str, str]
    stages: tuple[Stage, ...]
    gains: tuple[Difference | None, ...]
    students: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        mean = mean_key(self.metrics.values()) if self.metrics else "mean_macro_f1"
        return {
            "out": str(self.out),
            "metrics": dict(self.metrics),
            "stages": [
                {
                    "stage": stage.name,
                    "models": stage.models,
                    "rows": round(stage.rows, 1),
                    mean: stage.mean,
                    "tasks": {name: score.to_json() for name, score in stage.scores.items()},
                    "gain": None if gain is None else gain.to_json(),
                    "seconds": None if stage.seconds is None else round(stage.seconds, 1),
                }
                for stage, gain in zip(self.stages, self.gains, strict=True)
            ],
            "students": [str(folder) for folder in self.students],
        }


def stage_of_runs(name: str, results: Sequence[RunResult], kinds: Mapping[str, Kind]) -> Stage:
    """Return the line of runs of one sort."""
    tasks = list(dict.fromkeys(task for one in results for task in one.scores))
    seconds = [one.seconds for one in results if one.seconds is not None]
    knowing = {task: [one for one in results if task in one.scores] for task in tasks}
    return Stage(
        name,
        len(results),
        float(np.mean([one.rows for one in results])),
        {task: Spread(tuple(r.scores[task] for r in of_task)) for task, of_task in knowing.items()},
        {
            task: [r.decided(task, kinds[task].spec) for r in of_task]
            for task, of_task in knowing.items()
        },
        sum(seconds) if len(seconds) == len(results) else None,
    )


def stage_together(
    name: str,
    models: int,
    decided: Mapping[str, Decided],
    kinds: Mapping[str, Kind],
    gold: Mapping[str, Gold],
) -> Stage:
    """Return the line of several models whose probabilities are averaged."""
    scores = {
        task: Spread((kinds[task].score(gold[task], each, resamples=1).main.value,))
        for task, each in decided.items()
    }
    return Stage(name, models, 0.0, scores, {task: [each] for task, each in decided.items()})


def gains(
    stages: Sequence[Stage], kinds: Mapping[str, Kind], gold: Mapping[str, Gold]
) -> tuple[Difference | None, ...]:
    """Return how much better each stage is than the first; see `paired_difference`."""
    found: list[Difference | None] = [None]
    for stage in stages[1:]:
        same = stage.predicted.keys() == stages[0].predicted.keys() and bool(stage.predicted)
        known = {task: kinds[task] for task in stage.predicted} if same else {}
        found.append(
            paired_difference(known, gold, stages[0].predicted, stage.predicted) if same else None
        )
    return tuple(found)


def cells(done: Distillation) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the table as texts."""
    tasks = list(dict.fromkeys(task for stage in done.stages for task in stage.scores))
    header = ["stage", "models", "rows", "mean", f"to {done.stages[0].name}", *tasks, "seconds"]
    rows = []
    for stage, gain in zip(done.stages, done.gains, strict=True):
        mean = DASH if stage.mean is None else f"{stage.mean:.4f}"
        change = DASH
        if gain is not None:
            star = "*" if gain.clear else ""
            change = f"{gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]{star}"
        of_tasks = [_score(stage.scores.get(task)) for task in tasks]
        count = f"{stage.rows:,.0f}" if stage.rows else DASH
        seconds = f"{stage.seconds:,.0f}" if stage.seconds else DASH
        rows.append([stage.name, str(stage.models), count, mean, change, *of_tasks, seconds])
    return header, rows


def _score(score: Spread | None) -> str:
    if score is None:
        return DASH
    return f"{score.mean:.4f}" + ("" if score.sd is None else f" ± {score.sd:.4f}")


def note(done: Distillation) -> str:
    """Return what stands below the table."""
    figures = figures_title(done.metrics) if done.metrics else "score"
    return (
        f"dev {figures}, mean (± sd) over models; difference of the mean with its 95 % interval "
        "(paired bootstrap over dev rows), * where 0 is outside"
    )


def markdown(done: Distillation) -> str:
    """Return the table as Markdown."""
    header, rows = cells(done)
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(
        ["| " + " | ".join(header) + " |", "|---" * len(header) + "|", *lines, "", note(done), ""]
    )


def table(done: Distillation) -> "Table":
    """Lay the table out for the terminal."""
    from rich.text import Text

    header, rows = cells(done)
    laid = titled_table("What each stage brought")
    for number, name in enumerate(header):
        laid.add_column(Text(name), justify="right" if number else "left", overflow="fold")
    for row in rows:
        laid.add_row(*map(Text, row))
    return laid
