"""What `pet-mtl words try` does: verbalizer files scored on rows, once or whenever they are
saved."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_dev, load_task
from pet_mtl.errors import PetMtlError, ProblemList, placed
from pet_mtl.kinds import kind_of
from pet_mtl.model.calibration import calibration_from
from pet_mtl.random_streams import TRIED_ROWS
from pet_mtl.scoring.calibration.plan import plan_calibrations
from pet_mtl.scoring.learned_parts import warn_of_blanks
from pet_mtl.scoring.loaded import with_verbalizers
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.thresholds import cross_fitted
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.loaded import Loaded
from pet_mtl.words.results import Change, Scored, Tried
from pet_mtl.words.state_cache import StateCache, default_place, model_digest
from pet_mtl.words.trial import Trial
from pet_mtl.words.watch import saved, stamps

RowsOf = Literal["dev", "train"]
_CROSS_FITTED = (
    "the thresholds of each fifth of the rows are fitted on the others, for its own words as for "
    "other ones"
)


class WordTrial:
    """Score verbalizer files on the rows of a suite's tasks.

    Args:
        files: by task, the files to try; a task without one tries its own words; no task at all:
            all of them.
        rows_of: which rows.
        limit: the most rows of a task, drawn with the suite's seed.
        place: where slot states are kept; None for the user's cache folder.
        watch: `watch` will be called.
        on_rows: see `Trial`.

    Raises:
        PetMtlError: an unknown task, a file or a row is not right, no rows; nothing to watch.
    """

    def __init__(
        self,
        loaded: Loaded,
        files: Mapping[str, Sequence[Path]],
        *,
        rows_of: RowsOf = "dev",
        limit: int | None = None,
        place: Path | None = None,
        watch: bool = False,
        on_rows: Callable[[int, int], None] | None = None,
    ) -> None:
        self.loaded = loaded
        self.files = {name: tuple(of_task) for name, of_task in files.items()} or dict.fromkeys(
            loaded.suite.tasks, ()
        )
        problems = ProblemList()
        for name, of_task in files.items():
            for file in of_task:
                try:
                    with_verbalizers(loaded.suite, {name: file})
                except PetMtlError as error:
                    problems.extend(error)
        problems.raise_if_any()
        chosen = {name: loaded.suite.tasks[name] for name in self.files}
        rows = load_rows(loaded.suite.model_copy(update={"tasks": chosen}), rows_of, limit)
        self.files = {name: of_task for name, of_task in self.files.items() if name in rows}
        if loaded.zero_shot:
            warn_of_blanks(chosen[name] for name in self.files)
        self._fitted: set[str] = set()  # tasks of which it was said
        self._watched = self._to_watch() if watch else {}
        # from before the first score: a file may be saved meanwhile
        self._stamps = stamps(self._watched)
        for file in [file for file in self._watched if self._saved_since(file)]:
            self._stamps[file] = None
        cache = StateCache(place or default_place(), model_digest(loaded.model))
        self.trial = Trial(loaded.model, rows, loaded.suite.train.max_length, cache, on_rows)
        self.fits = plan_calibrations(
            loaded.suite, dict.fromkeys(self.files, "auto"), loaded.calibration
        ).fits
        fitting = {name: rows for name, (_, rows) in self.fits.items()}
        self.fitting = Trial(loaded.model, fitting, loaded.suite.train.max_length, cache, on_rows)

    def run(self) -> dict[str, Tried]:
        """Score each task's own words and its files."""
        tried = {}
        for name, files in self.files.items():
            own = self.score(name)
            tried[name] = Tried(own, tuple(self.score(name, file) for file in files) or (own,))
        return tried

    def score(self, name: str, file: Path | None = None) -> Scored:
        """Score one verbalizer file, or the task's own words.

        Raises:
            PetMtlError: the file is not right, or its words do not fit the model.
        """
        suite = self.loaded.suite
        with placed(suite.source):
            self.trial.prepare(suite.tasks[name])
            start, computed = time.perf_counter(), self._computed
            task = (with_verbalizers(suite, {name: file}) if file else suite).tasks[name]
            source = str(file) if file else task.verbalizer.source
            scored, _ = self.score_task(task, source)
        seconds = time.perf_counter() - start
        return replace(scored, seconds=seconds, cached=self._computed == computed)

    def score_task(
        self, task: TaskSpec, source: str, *, resamples: int = 1000
    ) -> tuple[Scored, FloatArray]:
        """Score a task of the suite with other words or patterns, and return its label
        log-probabilities `[rows, K]` too.

        Args:
            source: what the words are called.
            resamples: of the score's interval, see `Kind.score`.
        """
        start, computed = time.perf_counter(), self._computed
        rows, log_probs = self.trial.rows[task.name], self.log_probs(task)
        kind = kind_of(task)
        # what is stored was fitted for the task's own words: beside others it would not be fair
        fits = task.fits_thresholds
        predicted = cross_fitted(task, rows, log_probs) if fits else kind.decide(log_probs)
        if fits and task.name not in self._fitted:
            say(f"{task.name}: {_CROSS_FITTED}")
            self._fitted.add(task.name)
        score = kind.score(rows.gold, predicted, resamples=resamples)
        seconds, cached = time.perf_counter() - start, self._computed == computed
        return Scored(source, task, rows, score, predicted, seconds, cached), log_probs

    @property
    def _computed(self) -> int:
        return self.trial.computed + self.fitting.computed

    def log_probs(self, task: TaskSpec, trial: Trial | None = None) -> FloatArray:
        """Return label log-probabilities `[rows, K]`, calibrated as `score` has them: other words
        or patterns, another bias.

        Args:
            trial: of other rows than the suite's.
        """
        log_probs, own = (trial or self.trial).log_probs(task), self.loaded.suite.tasks[task.name]
        if task.name in self.loaded.stored and _alike(task, own):
            return self.loaded.stored[task.name].apply(log_probs)
        if task.name not in self.fits:
            return log_probs
        method, _ = self.fits[task.name]
        return calibration_from(method, self.fitting.log_probs(task)).apply(log_probs)

    def _to_watch(self) -> dict[Path, list[str]]:
        """Return the files to watch, those given or the tasks' own, and their tasks."""
        found: dict[Path, list[str]] = {}
        without: list[str] = []
        for name, files in self.files.items():
            own = self.loaded.suite.tasks[name].verbalizer.source
            if not files and (own == self.loaded.suite.source or not Path(own).is_file()):
                without.append(name)
                continue
            for file in files or (Path(own),):
                if file.is_fifo():
                    raise PetMtlError(
                        "a pipe cannot be watched",
                        where=f"--verbalizer {name}={file}",
                        hint="write the label words into a file, or leave `--watch` out",
                    )
                found.setdefault(file, []).append(name)
        if not found:
            raise PetMtlError(
                "no task has a verbalizer file to watch",
                hint=f"add `--verbalizer {without[0]}=FILE`",
            )
        for name in without:
            say(f"{name}: not watched, since its words are in no file of their own")
        return found

    def _saved_since(self, file: Path) -> bool:
        """Return whether a file of tasks' own words was saved since these were read, before the
        model was loaded."""
        suite = self.loaded.suite
        for name in self._watched[file]:
            try:
                now = with_verbalizers(suite, {name: file}).tasks[name].all_words
            except PetMtlError:
                return True  # which is told when it is scored
            if not self.files[name] and now != suite.tasks[name].all_words:
                return True
        return False

    def watch(self, tried: Mapping[str, Tried]) -> Iterator[tuple[str, Change]]:
        """Yield a task and what has changed since its last score, each time a file is saved, for
        ever.

        A file that is not right is told about, and waited for.

        Args:
            tried: what `run` gave.
        """
        last = {
            (name, Path(each.verbalizer)): each
            for name, task in tried.items()
            for each in task.files
        }
        for file in saved(self._stamps):
            for name in self._watched[file]:
                try:
                    now = self.score(name, file)
                except PetMtlError as error:
                    for problem in error.problems:
                        say(f"error: {problem}")
                    continue
                yield name, Change(last[name, file], now)
                last[name, file] = now


def _alike(one: TaskSpec, other: TaskSpec) -> bool:
    """Return whether a calibration that was fitted for one task holds for the other."""
    keys = ("all_words", "patterns", "prefix")
    return all(getattr(one, key) == getattr(other, key) for key in keys)


def load_rows(suite: Suite, rows_of: RowsOf, limit: int | None) -> dict[str, Rows]:
    """Read the dev or training rows of all tasks that have some, and say of which task there are
    none.

    Raises:
        PetMtlError: no task has any; a file is missing or bad.
    """
    problems, rows = ProblemList(), {}
    told = "training" if rows_of == "train" else rows_of
    for name, task in suite.tasks.items():
        found: Rows | None = None
        notes: list[str] = []
        try:
            if rows_of == "train" and task.data.train:
                data = load_task(task, Path(suite.base), suite.train.seed)
                found, notes = data.train, data.notes
            elif rows_of == "dev":
                found, notes = load_dev(task, Path(suite.base), suite.train.seed)
        except PetMtlError as error:
            problems.extend(error)
            continue
        for note in notes:
            say(f"warning: {name}: {note}")
        if found is None or not len(found):
            other = "; `--rows train` scores on its training rows" if task.data.train else ""
            say(f"warning: task `{name}` has no {told} rows{other}")
            continue
        if limit is not None and len(found) > limit:
            order = TRIED_ROWS.generator(suite.train.seed).permutation(len(found))
            found = found.take(np.sort(order[:limit]))
        rows[name] = found
    problems.raise_if_any()
    if not rows:
        hint = (
            "use the training rows: `--rows train`"
            if any(task.data.train for task in suite.tasks.values())
            else "words are tried on rows with labels: name some, data: {train: FILE, dev: FILE}"
        )
        raise PetMtlError(f"no task has {told} rows", hint=hint)
    return rows
