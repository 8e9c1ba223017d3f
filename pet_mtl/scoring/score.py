"""What `pet-mtl score` does: checkpoints scored on dev rows or on given files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pet_mtl.console import say
from pet_mtl.data.readers import read_rows
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_dev, skipped_notes
from pet_mtl.errors import PetMtlError, Problem, ProblemList
from pet_mtl.metrics.classification import TaskScore, mean_macro_f1, score_predictions
from pet_mtl.model.task_model import ParameterCounts
from pet_mtl.scoring.leak_guard import guard_rows
from pet_mtl.scoring.loaded import LoadedCheckpoint, require_task, with_verbalizers
from pet_mtl.scoring.scorer import FloatArray, Throughput
from pet_mtl.spec.suite import Suite
from pet_mtl.training.checkpoint import read_checkpoint


@dataclass(frozen=True)
class CheckpointScore:
    """The scores of one checkpoint.

    Attributes:
        path: the checkpoint's folder.
        tasks: scores by task.
        main_words: the main label word of each label, by task.
        throughput: rows and tokens a second, the first batch left out.
        peak_memory_gb: the most memory that was in use.
        method: how its tasks are told apart.
        parameters: how many it works with.
    """

    path: str
    tasks: dict[str, TaskScore]
    main_words: dict[str, list[str]]
    throughput: Throughput
    peak_memory_gb: float
    method: str = "pet"
    parameters: ParameterCounts | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "method": self.method,
            "parameters": self.parameters and self.parameters.to_json(),
            "tasks": {name: score.to_json() for name, score in self.tasks.items()},
            "mean_macro_f1": mean_macro_f1(self.tasks.values()),
            **self.throughput.to_json(),
            "peak_memory_gb": round(self.peak_memory_gb, 3),
        }


def score_checkpoints(
    folders: Sequence[Path],
    *,
    data: Mapping[str, str] = {},
    verbalizers: Mapping[str, Path] = {},
    data_root: Path | None = None,
    skip_bad_rows: int = 0,
    strict: bool = False,
) -> list[CheckpointScore]:
    """Score checkpoints on the same rows; all of them and their rows are checked before the first is scored.

    Args:
        data: rows to score, by task, instead of all tasks' dev rows.
        verbalizers: other label words, by task.
        data_root: where the suite's relative data paths start, instead of where they started in training.
        skip_bad_rows: bad rows that each source may have.
        strict: refuse rows that a checkpoint was trained on.

    Raises:
        PetMtlError: a checkpoint, a file or a row is not right; with the problems of all checkpoints, each once.
    """
    problems: dict[Problem, None] = {}
    rows = {}
    for folder in dict.fromkeys(folders):
        try:
            suite = with_verbalizers(read_checkpoint(folder).suite, verbalizers)
            if data_root is not None:
                suite = suite.model_copy(update={"base": str(data_root.resolve())})
            rows[folder] = labelled_rows(suite, data, skip_bad_rows) if data else dev_rows(suite, skip_bad_rows)
            guard_rows(folder, rows[folder], strict=strict)
        except PetMtlError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise PetMtlError(list(problems))
    return [_score(LoadedCheckpoint(folder, verbalizers), rows[folder]) for folder in folders]


def _score(loaded: LoadedCheckpoint, rows: Mapping[str, Rows]) -> CheckpointScore:
    folder, suite = loaded.folder, loaded.suite
    throughput = Throughput()
    log_probs = loaded.log_probs(rows, throughput=throughput, title=f"scoring {folder}")
    return CheckpointScore(
        path=str(folder),
        tasks=score_rows(suite, rows, log_probs),
        main_words={name: [words[0] for words in suite.tasks[name].verbalizer.words] for name in rows},
        throughput=throughput,
        peak_memory_gb=loaded.machine.peak_memory_gb(),
        method=suite.method.name,
        parameters=loaded.parameters,
    )


def score_rows(suite: Suite, rows: Mapping[str, Rows], log_probs: Mapping[str, FloatArray]) -> dict[str, TaskScore]:
    """Score label log-probabilities `[rows, K]` against the rows' labels."""
    return {
        name: score_predictions(of_task.labels, log_probs[name].argmax(-1), suite.tasks[name].verbalizer.labels)
        for name, of_task in rows.items()
    }


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
            dev, notes = load_dev(task, Path(suite.base), suite.train.seed, skip_bad_rows=skip_bad_rows)
        except PetMtlError as error:
            problems.extend(error)
            continue
        for note in notes:
            say(f"warning: {name}: {note}")
        if dev is not None and len(dev):
            rows[name] = dev
    problems.raise_if_any()
    if not rows:
        raise PetMtlError("the checkpoint's tasks have no dev rows", hint="give rows with `--data TASK=FILE`")
    return rows


def labelled_rows(suite: Suite, data: Mapping[str, str], skip_bad_rows: int = 0) -> dict[str, Rows]:
    """Read labelled rows for some tasks, paths relative to the working directory."""
    return _read(suite, data, skip_bad_rows, labelled=True)


def unlabelled_rows(suite: Suite, data: Mapping[str, str], skip_bad_rows: int = 0) -> dict[str, Rows]:
    """Read rows whose labels, if any, do not matter."""
    return _read(suite, data, skip_bad_rows, labelled=False)


def _read(suite: Suite, data: Mapping[str, str], skip_bad_rows: int, *, labelled: bool) -> dict[str, Rows]:
    problems, rows = ProblemList(), {}
    for name, source in data.items():
        try:
            task = require_task(suite, name, f"--data {name}={source}")
            rows[name], skipped = read_rows(source, task, base=Path(), labelled=labelled, skip_bad_rows=skip_bad_rows)
            for note in skipped_notes(skipped):
                say(f"warning: {name}: {note}")
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    return rows
