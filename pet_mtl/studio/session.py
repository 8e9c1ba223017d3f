"""One task of the suite while its words and patterns are edited: its rows, its file, what was
scored so far."""

import threading
import uuid
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from pet_mtl.cloze.chinese_words import WordCutter
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.model.causal import refuse_causal
from pet_mtl.scoring.thresholds import with_fitted_thresholds
from pet_mtl.studio.edit import edited_task
from pet_mtl.studio.effect import Effect, certainty
from pet_mtl.studio.inspect_row import importance, inspect_row
from pet_mtl.studio.jobs import Job
from pet_mtl.studio.preview import preview
from pet_mtl.studio.save import Source, patterns_source, save_patterns, save_words, words_source
from pet_mtl.studio.schema import Edit, OneRow, Save, Suggest
from pet_mtl.suite.chain import readable_by
from pet_mtl.suite.levels import path_of
from pet_mtl.suite.pattern import parse_pattern
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.check import check_words
from pet_mtl.words.loaded import Loaded
from pet_mtl.words.results import Change, Scored
from pet_mtl.words.suggest.run import suggest
from pet_mtl.words.try_words import RowsOf, WordTrial

_KEPT = 8  # scored edits whose rows can be asked for
_READ_AGAIN = {
    "description",
    "verbalizer",
    "above",
    "prefix",
    "patterns",
}  # of a file that was changed
_NO_INTERVAL = 1  # the page shows that of the change, not that of the score


class Session:
    """One task.

    Args:
        stored: the suite is a checkpoint's.
        limit: the most rows.
        place: where slot states are kept; None for the user's cache folder.

    Attributes:
        base: the task as its files had it when they were read last; edits are compared with it.
    """

    def __init__(
        self,
        loaded: Loaded,
        name: str,
        *,
        stored: bool,
        rows_of: RowsOf = "dev",
        limit: int | None = None,
        place: Path | None = None,
    ) -> None:
        refuse_causal(loaded.model.backbone.mlm, "the studio", "try words with `pet-mtl words try`")
        self.loaded, self.name, self.stored = loaded, name, stored
        self.base = loaded.suite.tasks[name]
        self.max_length = loaded.suite.train.max_length
        self._how = {"rows_of": rows_of, "limit": limit, "place": place}
        self._lock = threading.Lock()  # of the trial: one thread reads and fills its states
        self._files = threading.Lock()  # of `base` with the digests of what it was read from
        self._base_digests: dict[str, str] = {}
        self._soft = False  # the patterns of the file that was read last hold learned pieces
        self._trial: WordTrial | None = None
        self._job: Job | None = None
        self._effects: OrderedDict[str, Effect] = OrderedDict()
        self._before: tuple[TaskSpec, Scored] | None = None
        self._tried: set[TaskSpec | str] = set()

    def to_json(self) -> dict[str, Any]:
        """Return what the page shows of the task before anything is scored: its files as they are,
        or, where they are not right, as they were read last."""
        with self._files:
            with suppress(PetMtlError):
                self._catch_up()
            return self._shown()

    def _shown(self) -> dict[str, Any]:
        base = self.base
        return {
            "task": self.name,
            "kind": base.kind,
            "description": base.description,
            "labels": list(base.verbalizer.labels),
            "levels": base.levels,
            "level_separator": base.level_separator,
            "names": _names(base),  # those with words: the labels, and what stands above them
            "words": dict(zip(base.all_labels, base.all_words, strict=True)),
            "prefix": base.prefix,
            "patterns": list(base.patterns),
            "fields": list(base.fields),
            "aggregation": base.aggregation,
            **{
                f"{what}_file": {
                    "path": None if source.reason else str(source.path),
                    "reason": source.reason,
                    "digest": self._base_digests.get(what, ""),
                    "changed": not self.stored and source.digest() != self._base_digests.get(what),
                }
                for what, source in self._sources().items()
            },
        }

    def check(self, edit: Edit) -> dict[str, Any]:
        """Return what `words check --json` says of the words of this task."""
        task = self._task(edit)
        suite = self.loaded.suite.model_copy(update={"tasks": {self.name: task}})
        report = check_words(replace(self.loaded, suite=suite), _word_cutter()).to_json()
        return {**report["tasks"][self.name], **{k: report[k] for k in ("errors", "warnings")}}

    def effect(self, edit: Edit, job: Job) -> dict[str, Any]:
        """Score an edit beside the task as its file has it.

        Raises:
            PetMtlError: the edit or the rows are not right.
            StoppedError: the job was stopped.
        """
        task = self._task(edit)
        with self._lock:
            self._job = job
            job.progress(0, 0)  # it may have been stopped while it waited
            trial = self._ready()
            base = self.base
            if self._before is None or self._before[0] != base:
                scored, _ = trial.score_task(base, base.verbalizer.source, resamples=_NO_INTERVAL)
                self._before = (base, scored)
            before = self._before[1]
            after, log_probs = trial.score_task(task, "page", resamples=_NO_INTERVAL)
            key = repr(_edited(task))
            if _edited(task) != _edited(base):
                self._tried.add(key)
            effect = Effect(
                uuid.uuid4().hex,
                Change(before, after),
                certainty(kind_of(task), log_probs, after.predicted),
                max(1, len(self._tried)),
            )
            self._effects[effect.id] = effect
            while len(self._effects) > _KEPT:
                self._effects.popitem(last=False)
        return effect.to_json()

    def scored(self, effect: str) -> Effect:
        """Return an edit that was scored.

        Raises:
            PetMtlError: it is not kept any more.
        """
        found = self._effects.get(effect)  # at once: a job may drop it meanwhile
        if found is None:
            raise PetMtlError(
                "this edit is not kept any more", hint="change it, or reload the page"
            )
        return found

    def suggest(self, asked: Suggest, job: Job) -> dict[str, Any]:
        """Return what `words suggest --json` says of the page's words.

        Raises:
            PetMtlError: the edit or the rows are not right.
            StoppedError: the job was stopped.
        """
        suite = self.loaded.suite
        tasks = {**suite.tasks, self.name: self._task(asked)}
        loaded = replace(self.loaded, suite=suite.model_copy(update={"tasks": tasks}))
        place = self._how["place"]
        assert place is None or isinstance(place, Path)
        return suggest(
            loaded,
            self.name,
            limit=asked.limit,
            most=asked.most,
            place=place,
            on_step=lambda: job.progress(0, 0),
        ).to_json()

    def preview(self, asked: OneRow, job: Job) -> dict[str, Any]:
        """Show one row in each pattern."""
        task = self._task(asked)
        fields = self._fields(asked, job)
        return {
            "fields": fields,
            "patterns": preview(self.loaded.model, task, fields, self.max_length),
        }

    def inspect(self, asked: OneRow, job: Job) -> dict[str, Any]:
        """Look at one text; see `inspect_row`."""
        task = self._task(asked)
        fields = self._fields(asked, job)
        with self._lock:
            self._job = job
            job.progress(0, 0)  # it may have been stopped while it waited
            trial, model = self._ready(), self.loaded.model
            if task.fits_thresholds:
                rows, log_probs = trial.trial.rows, {self.name: trial.log_probs(task)}
                suite = self.loaded.suite.model_copy(update={"tasks": {self.name: task}})
                task = with_fitted_thresholds(suite, rows, log_probs).tasks[self.name]
            scores = trial.log_probs
            found = inspect_row(model, task, fields, self.max_length, scores)
            if asked.importance:
                found["importance"] = importance(model, task, fields, self.max_length, scores)
        found["patterns"] = preview(self.loaded.model, task, fields, self.max_length)
        return {"fields": fields, **found}

    def save(self, asked: Save) -> dict[str, Any]:
        """Write the words or the patterns into their file, which is what edits are compared with
        from then on.

        Raises:
            ChangedError: the file was changed meanwhile.
            PetMtlError, RunError: the edit is not right; the file cannot be written.
        """
        task = self._task(asked)
        with self._files:
            with suppress(PetMtlError):  # a page may outlive the server that it was read from
                self._catch_up()
            source = self._sources()[asked.what]
            if asked.what == "words":
                of_label = {label: asked.words[label] for label in task.all_labels}  # in order
                digest = save_words(source, self.loaded.suite, self.name, of_label, asked.seen)
                new: dict[str, object] = {"verbalizer": task.verbalizer, "above": task.above}
            else:
                digest = save_patterns(source, self.name, task.prefix, task.patterns, asked.seen)
                new = {"prefix": task.prefix, "patterns": task.patterns}
            self.base = self.base.model_copy(update=new)
            self._base_digests[asked.what] = digest
            with suppress(PetMtlError):  # what others changed in the files
                self._catch_up()
            return self._shown()

    def reload(self) -> dict[str, Any]:
        """Read the task's files again.

        Raises:
            PetMtlError: they are not right.
        """
        with self._files:
            if not self.stored:
                self._read_files()
                self._catch_up()
            return self._shown()

    def _catch_up(self) -> None:
        """Read the files until they are those that were read.

        Raises:
            PetMtlError: they are not right.
        """
        while not self.stored and self._digests_now() != self._base_digests:
            self._read_files()

    def _read_files(self) -> None:
        digests = self._digests_now()  # first: a change while they are read then shows
        loaded = self.loaded.suite
        suite = load_suite(Path(loaded.source), model=loaded.model, data_root=Path(loaded.base))
        if self.name not in suite.tasks:
            raise PetMtlError(f"the file has no task `{self.name}` any more")
        new = suite.tasks[self.name]
        soft = any(parse_pattern(pattern).soft_pieces for pattern in new.patterns)
        if self.loaded.zero_shot:
            new = new.without_learned_parts()
        # the first of two ends is the low one; the order of other labels decides nothing here
        compared = tuple if self.base.kind_spec.facts.target == "number" else set
        if compared(new.all_labels) != compared(self.base.all_labels):
            raise PetMtlError("the file has other labels now", hint="start the studio again")
        if new.thresholds:  # which stand in the order of its labels
            of_label = dict(zip(new.verbalizer.labels, new.thresholds, strict=True))
            thresholds = tuple(of_label[label] for label in self.base.verbalizer.labels)
            new = new.model_copy(update={"thresholds": thresholds})
        for key in TaskSpec.model_fields:
            if key not in _READ_AGAIN and getattr(new, key) != getattr(self.base, key):
                told = f"the file has another `{key}` now"
                raise PetMtlError(told, hint="start the studio again")
        if new.all_labels != self.base.all_labels:
            words = dict(zip(new.all_labels, new.all_words, strict=True))
            new = edited_task(self.base, words, new.prefix, new.patterns, new.reads)
        self.base = self.base.model_copy(update={key: getattr(new, key) for key in _READ_AGAIN})
        self._base_digests, self._soft = digests, soft

    def _task(self, edit: Edit) -> TaskSpec:
        readable = readable_by(self.name, self.loaded.suite.tasks)
        return edited_task(self.base, edit.words, edit.prefix, edit.patterns, readable)

    def _ready(self) -> WordTrial:
        """Return the rows with their states; called with the lock."""
        if self._trial is None:
            self._trial = WordTrial(
                self.loaded,
                {self.name: ()},
                on_rows=self._progress,
                **self._how,  # type: ignore[arg-type]
            )
            self._trial.trial.prepare(self.base)
        return self._trial

    def _progress(self, done: int, total: int) -> None:
        if self._job is not None:
            self._job.progress(done, total)

    def _fields(self, asked: OneRow, job: Job) -> dict[str, str]:
        if asked.fields is not None:
            if set(asked.fields) != set(self.base.fields):
                raise PetMtlError(f"the fields are {', '.join(self.base.fields)}")
            return {name: asked.fields[name] for name in self.base.fields}
        with self._lock:
            self._job = job
            rows = self._ready().trial.rows[self.name]
        if asked.row is None or asked.row >= len(rows):
            raise PetMtlError(f"there are {len(rows)} rows")
        return rows.text(asked.row)

    def _sources(self) -> dict[str, Source]:
        suite = self.loaded.suite
        return {
            "words": words_source(suite, self.base, self.stored),
            "patterns": patterns_source(suite, self.stored, self._soft),
        }

    def _digests_now(self) -> dict[str, str]:
        return {what: source.digest() for what, source in self._sources().items()}


@cache
def _word_cutter() -> WordCutter:
    """Return what cuts words for all tasks: words are checked while they are typed."""
    return WordCutter()


def _edited(task: TaskSpec) -> tuple[object, ...]:
    """Return what the page changes of a task."""
    return task.all_words, task.prefix, task.patterns


def _names(task: TaskSpec) -> tuple[str, ...]:
    """Return what has label words, each label behind what stands above it."""
    labels = task.verbalizer.labels
    if task.above is None:
        return labels
    paths = (path_of(label, task.level_separator) for label in labels)
    return tuple(dict.fromkeys(chain.from_iterable(paths)))
