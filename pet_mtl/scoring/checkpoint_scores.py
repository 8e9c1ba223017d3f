"""What `pet-mtl score` does: checkpoints, or models without training, scored on dev rows or on
given files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pet_mtl.cloze.unreadable import row_warnings
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError, Problem, ProblemList
from pet_mtl.kinds import kind_of
from pet_mtl.metrics.score import Score, means_json
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.calibration import Calibration, CalibrationMethod, apply_calibrations
from pet_mtl.model.methods import capabilities
from pet_mtl.model.task_model import ParameterCounts
from pet_mtl.scoring.calibration.plan import Plan
from pet_mtl.scoring.given_rows import dev_rows, labelled_rows, say_idle_words
from pet_mtl.scoring.leak_guard import guard_rows
from pet_mtl.scoring.learned_parts import warn_of_blanks
from pet_mtl.scoring.loaded import (
    LoadedCheckpoint,
    LoadedModel,
    plan_for_checkpoint,
    with_data_root,
    with_verbalizers,
)
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.patterns import PatternScores, score_patterns
from pet_mtl.scoring.processes import ALONE, Processes
from pet_mtl.scoring.records import Predicted
from pet_mtl.scoring.thresholds import fitted_where_missing
from pet_mtl.scoring.zero_shot import plan_untrained, untrained
from pet_mtl.storage.checkpoint import Checkpoint, is_checkpoint, read_checkpoint
from pet_mtl.storage.pretrained import resolve_model
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import CalibrationChoice


@dataclass(frozen=True)
class Calibrated:
    """What a calibration changed on the scored rows."""

    kind: CalibrationMethod
    rows: int
    before: Score

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "fitted_on": self.rows,
            **{f"{name}_before": value for name, value in self.before.summary().items()},
        }


@dataclass(frozen=True)
class CheckpointScore:
    """The scores of one checkpoint or model.

    Attributes:
        path: the checkpoint's folder, or the model's name.
        tasks: scores by task.
        calibrated: what it was without calibration, for the tasks that have one.
        main_words: the main label word of each label, by task.
        throughput: rows and tokens a second, the first batch left out.
        peak_memory_gb: the most memory that was in use.
        method: how its tasks are told apart.
        parameters: how many it works with.
        patterns: scores of each pattern, for the tasks with several.
        predicted: the rows and what was said of them, by task; only where they were to be kept.
        base: where the relative paths of the suite start.
    """

    path: str
    tasks: dict[str, Score]
    calibrated: dict[str, Calibrated]
    main_words: dict[str, list[str]]
    throughput: Throughput
    peak_memory_gb: float
    method: str = "pet"
    parameters: ParameterCounts | None = None
    patterns: dict[str, PatternScores] = field(default_factory=dict)
    predicted: dict[str, Predicted] = field(default_factory=dict, repr=False)
    base: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "method": self.method,
            "parameters": self.parameters and self.parameters.to_json(),
            "tasks": {
                name: task
                | ({"patterns": self.patterns[name].to_json()} if name in self.patterns else {})
                for name, task in tasks_json(self.tasks, self.calibrated).items()
            },
            **means_json(self.tasks.values()),
            **self.throughput.to_json(),
            "peak_memory_gb": round(self.peak_memory_gb, 3),
        }


def tasks_json(scores: Mapping[str, Score], calibrated: Mapping[str, Calibrated]) -> dict[str, Any]:
    """Return scores as plain JSON values; a task with a calibration has the key `calibration`
    too."""
    more = {name: {"calibration": of_task.to_json()} for name, of_task in calibrated.items()}
    return {name: score.to_json() | more.get(name, {}) for name, score in scores.items()}


def score_checkpoints(
    folders: Sequence[Path],
    *,
    data: Mapping[str, str] = {},
    verbalizers: Mapping[str, Path] = {},
    data_root: Path | None = None,
    skip_bad_rows: int = 0,
    strict: bool = False,
    calibration: CalibrationChoice | None = None,
    processes: Processes = ALONE,
    keep: bool = False,
    load: Callable[[Checkpoint, Mapping[str, Path]], LoadedModel] = LoadedCheckpoint,
) -> list[CheckpointScore]:
    """Score checkpoints on the same rows; all of them and their rows are checked before the first
    is scored.

    Args:
        data: rows to score, by task, instead of all tasks' dev rows.
        verbalizers: other label words, by task.
        data_root: where the suite's relative data paths start, instead of where they started in
            training.
        skip_bad_rows: bad rows that each source may have.
        strict: refuse rows that a checkpoint was trained on.
        calibration: for all tasks, instead of the one that each checkpoint stores.
        processes: that make this call together; each gets the scores of all rows.
        keep: keep the rows and what was said of them, for a page.
        load: what scores a checkpoint's rows; gets what was read of it and the other label words.

    Raises:
        PetMtlError: a checkpoint, a file or a row is not right; with the problems of all
            checkpoints, each once.
    """
    read: dict[str, dict[str, Rows]] = {}

    def work_of(checkpoint: Checkpoint) -> tuple[Checkpoint, dict[str, Rows], Plan]:
        suite = with_data_root(with_verbalizers(checkpoint.suite, verbalizers), data_root)
        of_rows = _what_rows_depend_on(suite)
        if of_rows not in read:
            read[of_rows] = _rows(suite, data, skip_bad_rows)
            say_idle_words(verbalizers, suite, read[of_rows])
        rows = read[of_rows]
        guard_rows(checkpoint.folder, rows, strict=strict)
        plan = plan_for_checkpoint(checkpoint, suite, rows, calibration, skip_bad_rows)
        return checkpoint, rows, plan

    problems: dict[Problem, None] = {}
    work = {}
    for folder in dict.fromkeys(folders):
        try:
            work[folder] = work_of(read_checkpoint(folder))
        except PetMtlError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise PetMtlError(list(problems))
    scores = []
    for folder in folders:
        checkpoint, rows, plan = work[folder]
        now = read_checkpoint(folder)  # a run may have replaced it while others were scored
        if repr(now) != repr(checkpoint):
            checkpoint, rows, plan = work_of(now)
        scores.append(
            _score(str(folder), load(checkpoint, verbalizers), rows, plan, processes, keep)
        )
    return scores


def score_models(
    models: Sequence[str],
    suite: Suite,
    *,
    data: Mapping[str, str] = {},
    skip_bad_rows: int = 0,
    strict: bool = False,
    calibration: CalibrationChoice | None = None,
    processes: Processes = ALONE,
    keep: bool = False,
    load: Callable[[str, Suite], LoadedModel] = LoadedModel,
) -> list[CheckpointScore]:
    """Score masked language models on the tasks of a suite without training them on its rows
    (zero-shot).

    Args:
        models: embedded backbones, folders (checkpoints too) or hub names.
        data: rows to score, by task, instead of all tasks' dev rows.
        skip_bad_rows: bad rows that each source may have.
        strict: refuse rows that a model was trained on.
        calibration: for all tasks, instead of what each says; `auto` means `prior`.
        processes: that make this call together; each gets the scores of all rows.
        keep: keep the rows and what was said of them, for a page.
        load: what scores a model's rows.

    Raises:
        PetMtlError: a model, a file or a row is not right.
    """
    suite = untrained(suite)
    folders = [resolve_model(model) for model in models]
    rows = _rows(suite, data, skip_bad_rows)
    problems = ProblemList()
    for folder in dict.fromkeys(folders):
        try:
            guard_rows(Path(folder), rows, strict=strict)
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    if not all(is_checkpoint(Path(folder)) for folder in folders):
        warn_of_blanks(suite.tasks[name] for name in rows)
    plan = plan_untrained(suite, rows, calibration, skip_bad_rows=skip_bad_rows)
    return [
        _score(model, load(folder, suite), rows, plan, processes, keep)
        for model, folder in zip(models, folders, strict=True)
    ]


def _what_rows_depend_on(suite: Suite) -> str:
    """Return a text that is the same for suites whose rows are: prefixes and label words do not
    matter."""
    return suite.model_dump_json(
        include={"base": True, "tasks": True, "train": {"seed"}},
        exclude={
            "tasks": {"__all__": {"prefix": True, "verbalizer": {"words", "source", "lines"}}}
        },
    )


def _rows(suite: Suite, data: Mapping[str, str], skip_bad_rows: int) -> dict[str, Rows]:
    return labelled_rows(suite, data, skip_bad_rows) if data else dev_rows(suite, skip_bad_rows)


def _score(
    path: str,
    loaded: LoadedModel,
    rows: Mapping[str, Rows],
    plan: Plan,
    processes: Processes,
    keep: bool,
) -> CheckpointScore:
    suite, throughput = loaded.suite, Throughput()
    named = {f"{path}: {name}": of_task for name, of_task in rows.items()}
    for line in row_warnings(named, loaded.tokenizer):
        say(line)
    fitted = plan.carry_out(partial(loaded.raw_log_probs, processes=processes))
    each: dict[str, FloatArray] = {}
    log_probs = loaded.raw_log_probs(
        rows,
        throughput=throughput,
        title=f"scoring {path}",
        by_pattern=each,
        processes=processes,
    )
    suite = fitted_where_missing(suite, rows, log_probs)
    scores, calibrated = score_calibrated(suite, rows, log_probs, fitted)
    return CheckpointScore(
        path=path,
        tasks=scores,
        calibrated=calibrated,
        main_words={
            name: [words[0] for words in suite.tasks[name].verbalizer.words] for name in rows
        },
        throughput=throughput,
        peak_memory_gb=loaded.machine.peak_memory_gb(),
        method=suite.method.name,
        parameters=loaded.parameters,
        patterns=score_patterns(suite, rows, each)
        if capabilities(suite.method).has_patterns
        else {},
        predicted={
            name: Predicted(suite.tasks[name], rows[name], own)
            for name, own in apply_calibrations(log_probs, fitted).items()
        }
        if keep
        else {},
        base=suite.base,
    )


def score_calibrated(
    suite: Suite,
    rows: Mapping[str, Rows],
    log_probs: Mapping[str, FloatArray],
    calibration: Mapping[str, Calibration],
) -> tuple[dict[str, Score], dict[str, Calibrated]]:
    """Score label log-probabilities `[rows, K]` with calibration, and the tasks that have one
    without it too."""
    before = score_rows(
        suite, {name: rows[name] for name in rows if name in calibration}, log_probs
    )
    after = score_rows(suite, rows, apply_calibrations(log_probs, calibration))
    return after, {
        n: Calibrated(calibration[n].kind, calibration[n].rows, score)
        for n, score in before.items()
    }


def score_rows(
    suite: Suite, rows: Mapping[str, Rows], log_probs: Mapping[str, FloatArray]
) -> dict[str, Score]:
    """Score label log-probabilities `[rows, K]` against what the rows' targets are."""
    scores = {}
    for name, of_task in rows.items():
        kind = kind_of(suite.tasks[name])
        scores[name] = kind.score(of_task.gold, kind.decide(log_probs[name]))
    return scores


def decide(suite: Suite, log_probs: Mapping[str, FloatArray]) -> dict[str, NDArray[Any]]:
    """Return what each task's label log-probabilities `[rows, K]` decide, in the shape of the
    rows' targets."""
    return {name: kind_of(suite.tasks[name]).decide(own) for name, own in log_probs.items()}
