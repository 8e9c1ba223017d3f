"""What a run of `pet-mtl train` gives: its result, and what its report is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.metrics.score import Score, means_json
from pet_mtl.model.hardware import Machine
from pet_mtl.model.task_model import ParameterCounts, TaskModel
from pet_mtl.scoring.checkpoint_scores import Calibrated, tasks_json
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.storage.state import Progress
from pet_mtl.suite.suite import Suite


@dataclass(frozen=True)
class TrainResult:
    """What a finished run gives.

    Attributes:
        out: the run's folder.
        scores: dev scores of the best checkpoint; empty without dev rows.
        calibrated: what they were without calibration, for the tasks that have one.
        best_step: the step it comes from.
        steps: steps done.
        samples_per_second: rows a second, start-up and evaluation left out.
        tokens_per_second: real tokens a second, likewise.
        peak_memory_gb: the most memory that was in use.
        seconds: wall time of the whole command.
        method: how its tasks are told apart.
        parameters: how many it works with.
        predicted: decisions on the dev rows, label numbers or such, in their order, by task.
    """

    out: Path
    scores: Mapping[str, Score]
    calibrated: Mapping[str, Calibrated]
    best_step: int
    steps: int
    samples_per_second: float
    tokens_per_second: float
    peak_memory_gb: float
    seconds: float
    method: str
    parameters: ParameterCounts
    predicted: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "out": str(self.out),
            "checkpoint": str(self.out / "checkpoint"),
            "method": self.method,
            "parameters": self.parameters.to_json(),
            "tasks": tasks_json(self.scores, self.calibrated),
            **means_json(self.scores.values()),
            "best_step": self.best_step,
            "steps": self.steps,
            "samples_per_second": self.samples_per_second,
            "tokens_per_second": self.tokens_per_second,
            "peak_memory_gb": round(self.peak_memory_gb, 3),
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True)
class FinishedRun:
    """What a report is made of, besides the result.

    Attributes:
        suite: as trained, with the label words and weights of patterns that were found.
        file: where the report goes.
        model: with the weights of the best checkpoint.
        prompts: of the dev rows.
        words: the label words of each form; none where no words are read.
        rows: the dev rows, by task.
        log_probs: `[rows, K]` for each task, calibrated.
        records: the lines of `metrics.jsonl`.
        facts: shown beside the scores, such as ("training", "43 s").
    """

    suite: Suite
    file: Path
    result: TrainResult
    model: TaskModel
    tokenizer: PieceTokenizer
    machine: Machine
    prompts: Prompts
    words: Sequence[LabelWords]
    rows: Mapping[str, Rows]
    log_probs: Mapping[str, FloatArray]
    records: list[dict[str, Any]]
    facts: list[tuple[str, str]]


def run_facts(result: TrainResult, progress: Progress, machine: Machine) -> list[tuple[str, str]]:
    """Return what a report shows beside the scores."""
    counts = result.parameters
    rows = (
        f"{progress.rows:,} rows, {progress.tokens:,} tokens; {result.seconds:,.0f} s in all, "
        f"{progress.seconds:,.0f} s of them steps"
    )
    speed = f"{result.samples_per_second:,.0f} rows/s, {result.tokens_per_second:,.0f} tokens/s"
    own = f", {counts.share:.2%} for one task only" if counts.share else ""
    changed = [
        (
            f"{name} {of_task.kind}: {of_task.before.main.name} {of_task.before.main.value:.4f} → "
            f"{result.scores[name].main.value:.4f}"
        )
        for name, of_task in result.calibrated.items()
    ]
    return [
        ("training", f"{progress.step} steps, {rows}"),
        ("method", f"{result.method}: {counts.all:,} parameters{own}"),
        ("best", f"step {result.best_step}"),
        *([("speed", speed)] if result.samples_per_second else []),  # no step after a resume
        *([("calibration", "; ".join(changed))] if changed else []),
        ("memory", f"{result.peak_memory_gb:.2f} GB at the most"),
        ("machine", str(machine)),
    ]
