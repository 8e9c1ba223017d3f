"""`pet_mtl.PetClassifier`: a task as a scikit-learn estimator."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from pet_mtl.api.class_labels import refuse_unknown, targets_of, typed
from pet_mtl.api.suite import suite_of
from pet_mtl.api.task import Task
from pet_mtl.api.train import TrainedRun, train
from pet_mtl.atomic import new_folder
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import started_together
from pet_mtl.data.label_text import label_text, words_by_label
from pet_mtl.data.memory import row_list, text_columns
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.label_words import propose_words
from pet_mtl.proposal.presets import find_preset
from pet_mtl.proposal.settings import propose_settings
from pet_mtl.proposal.slots import LOOKED_AT, propose_slots
from pet_mtl.proposal.two_texts import reading_order
from pet_mtl.proposal.wording import WORDINGS, field_names, language, pattern_for
from pet_mtl.scoring.predictor import Predictor
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.storage.pretrained import load_pieces, resolve_model
from pet_mtl.suite.verbalizer import read_verbalizer

NAME = "task"


class PetClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify texts, or tuples of texts, by the label words that a masked language model expects.

    Rows are texts, tuples (pairs) or mappings: lists, pandas, numpy, Arrow, `datasets`.

    Args:
        labels: each label and its word or words; None takes the labels' names, else frequent words
            of their rows.
        verbalizer: a file of label words, instead.
        pattern: one or several, with `{mask}` and the fields in braces; None is that of `init`.
        prefix: written before every row.
        model: an embedded backbone, a folder, or a hub name.
        epochs: passes over the rows; this and the next three are chosen by the rows where None.
        learning_rate: at its peak.
        batch_tokens: tokens of a step.
        max_length: tokens of the longest prompt.
        dev: share of the rows that is held out, by text, to keep the best checkpoint; None trains
            on all and keeps the last.
        slots: `exact`, `shared` or a number, as in a pattern file; None is what `init` would write:
            `exact`, or 2 where label words of several lengths cost more than twice one prompt.
        settings: further keys of `train:` in a pattern file.
        out: the run's folder; None is a temporary one that goes with the object, or the next `fit`.
        callbacks: see `pet_mtl.train`.
        random_state: seed of everything random; None draws one from numpy's global state, as
            scikit-learn does.

    Attributes:
        classes_: the labels, sorted.
        words_: the label words of each label.
        run_: the run with its dev scores; None after unpickling.
    """

    def __init__(
        self,
        labels: Mapping[Any, str | Sequence[str]] | None = None,
        *,
        verbalizer: str | Path | None = None,
        pattern: str | Sequence[str] | None = None,
        prefix: str = "",
        model: str | Path = "zh-mini",
        epochs: float | None = None,
        learning_rate: float | None = None,
        batch_tokens: int | None = None,
        max_length: int | None = None,
        dev: float | None = None,
        slots: str | int | None = None,
        settings: Mapping[str, Any] | None = None,
        out: str | Path | None = None,
        callbacks: Sequence[Callable[[dict[str, Any]], None]] = (),
        random_state: int | None = 42,
    ) -> None:
        self.labels = labels
        self.verbalizer = verbalizer
        self.pattern = pattern
        self.prefix = prefix
        self.model = model
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_tokens = batch_tokens
        self.max_length = max_length
        self.dev = dev
        self.slots = slots
        self.settings = settings
        self.out = out
        self.callbacks = callbacks
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Train on rows and their labels.

        Raises:
            PetMtlError: a row is no text, a label has no word, or a setting is wrong.
            ValueError: rows and labels are not of one length, or all labels are one.
        """
        if self.out is None and started_together() > 1:  # each would have a folder of its own
            raise PetMtlError("several processes need one output folder", hint="give `out=`")
        rows = row_list(X)
        if not rows:
            raise PetMtlError("there are no rows to learn from")
        self._check_parameters()
        targets = targets_of(y)
        check_consistent_length(rows, targets)
        given = self._given_words()
        given_words = None if given is None else words_by_label(given, NAME)
        classes = np.unique(targets if given is None else typed(list(given), targets))
        texts = {label_text(label) for label in classes.tolist()}
        refuse_unknown(targets, texts, "labels" if self.verbalizer is None else "verbalizer")
        if len(np.unique(targets)) < 2:
            raise ValueError("PetClassifier can't train when only one class is present")
        columns, renamed = self._columns(rows)
        names = [label_text(label) for label in targets.tolist()]
        tokenizer = load_pieces(resolve_model(str(self.model)))
        prompt, words, found = self._propose(columns, names, sorted(texts), given_words, tokenizer)
        train_rows = list(zip(*columns.values(), strict=True))
        # tuples stay in the order of the first rows, whatever that of the pattern is
        places = {name: name for name in (*columns, "label")}
        task = Task(NAME, words, prompt, (train_rows, names), self.dev, self.prefix, columns=places)
        given_settings = {name: getattr(self, name, None) for name in found}
        asked = {name: value for name, value in given_settings.items() if value is not None}
        seed = self.random_state
        if seed is None:
            seed = int(check_random_state(None).randint(1 << 31))
        settings = {**found, **asked, "seed": seed, **(self.settings or {})}
        suite = suite_of([task], self.model, settings=settings)
        slots = self.slots
        if slots is None:
            sample = Rows.of({name: column[:LOOKED_AT] for name, column in columns.items()})
            spec, longest = suite.tasks[NAME], suite.train.max_length
            slots = propose_slots(spec, sample, tokenizer, longest).slots
        task = replace(task, more={"slots": slots})
        home, remove = self._temporary() if self.out is None else (Path(self.out), lambda: None)
        try:
            run = train([task], self.model, home, callbacks=self.callbacks, **settings)
            predictor = run.model
        except BaseException as error:
            remove()
            if isinstance(error, PetMtlError) and "`resume=True`" in str(error):  # not of `fit`
                raise error.hinted("choose another folder with `out=`") from None
            raise
        # what is fitted, all at once: a call that fails before leaves the object as it was
        before, self._remove = vars(self).get("_remove", lambda: None), remove
        self._predictor = predictor
        self.classes_ = classes
        self.renamed_ = renamed
        self.words_ = words
        self.run_: TrainedRun | None = run
        self.checkpoint_ = str(run.checkpoint)
        before()  # the earlier folder, four times the model; last, since a stop may come
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the label of each row."""
        check_is_fitted(self)
        return np.asarray(self.classes_[self.predict_proba(X).argmax(-1)])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return the probabilities `[rows, K]` of the labels, in the order of `classes_`."""
        check_is_fitted(self)
        known = self._predictor.labels(NAME)
        order = [known.index(label_text(label)) for label in self.classes_.tolist()]
        rows = _renamed(row_list(X), self.renamed_)
        found = self._predictor.predict_proba(rows, NAME)[:, order].astype(np.float64)
        return np.asarray(found / found.sum(-1, keepdims=True))

    def save(self, folder: str | Path) -> Path:
        """Copy the checkpoint to a new folder, for `pet_mtl.load` and the command line.

        Raises:
            PetMtlError: the folder holds something, or the run's folder has gone.
        """
        check_is_fitted(self)
        folder, checkpoint = Path(folder), self._checkpoint()
        try:
            with new_folder(folder, replace=False) as target:
                shutil.copytree(checkpoint, target, dirs_exist_ok=True)
        except PetMtlError as error:  # whose hint is for the command line
            raise error.hinted("save to another folder, one that is new") from None
        return folder

    def _check_parameters(self) -> None:
        """Refuse values that are read before the settings are checked as a whole."""
        if not isinstance(self.prefix, str):
            found = type(self.prefix).__name__
            raise PetMtlError(
                f"`prefix` must be text, found {found}", hint="`prefix=''` writes nothing"
            )
        if not isinstance(self.settings, Mapping | None):
            raise PetMtlError(
                f"`settings` must be keys and values, found {type(self.settings).__name__}",
                hint="such as `settings={'warmup': 0.1}`",
            )

    def _given_words(self) -> dict[Any, Any] | None:
        if self.labels is not None and self.verbalizer is not None:
            raise PetMtlError("`labels` and `verbalizer` are both given", hint="give one of them")
        if self.verbalizer is not None:
            read = read_verbalizer(Path(self.verbalizer))
            return dict(zip(read.labels, read.words, strict=True))
        if not isinstance(self.labels, Mapping | None):
            raise PetMtlError(
                f"`labels` is no mapping, found {type(self.labels).__name__}",
                hint="give each label its words: `labels={1: '好', 0: '坏'}`",
            )
        return None if self.labels is None else dict(self.labels)

    def _columns(self, rows: Sequence[Any]) -> tuple[dict[str, list[str]], dict[Any, str]]:
        """Return the texts by field, and the field of each key of a row that is called otherwise;
        the fields are those of the pattern, or of the first row."""
        first = rows[0]
        renamed: dict[Any, str] = {}
        if self.pattern is not None:
            names = Task(NAME, {}, self.pattern).fields
        elif isinstance(first, Mapping):
            names = tuple(field_names([str(key) for key in first]))
            renamed = dict(zip(first, names, strict=True))
        else:
            width = len(first) if isinstance(first, list | tuple) else 1
            names = tuple(field_names(range(width)))
        if not names:
            if self.pattern is None:
                raise PetMtlError("the first row holds no text")
            raise PetMtlError("the pattern holds no field", hint="such as `{mask}。{text}`")
        return text_columns(_renamed(rows, renamed), names, NAME), renamed

    def _propose(
        self,
        columns: Mapping[str, list[str]],
        names: Sequence[str],
        labels: Sequence[str],
        words: dict[str, Any] | None,
        tokenizer: PieceTokenizer,
    ) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """Return pattern, label words and settings, as far as they are not given."""
        read = reading_order([*columns]) if self.pattern is None else [*columns]
        spoken = language(last := columns[read[-1]])
        pattern = self.pattern or pattern_for(read, WORDINGS[spoken], causal=tokenizer.causal)
        first = pattern if isinstance(pattern, str) else pattern[0]
        if words is None:
            of_label: dict[str, list[str]] = {label: [] for label in labels}
            for name, text in zip(names, last, strict=True):
                of_label[name].append(text)
            called = dict(zip(labels, labels, strict=True))
            proposed = propose_words(
                called,
                of_label,
                tokenizer,
                language=spoken,
                space_before=" {mask}" in first,
                preset=find_preset(
                    called,
                    column="label",
                    texts=list(columns),
                    language=spoken,
                    entailment=WORDINGS[spoken].entailment,
                ),
            )
            words = {label: one.word for label, one in proposed.items()}
        sample = [column[:LOOKED_AT] for column in columns.values()]
        found = propose_settings(
            len(names), sample, [self.prefix, first], tokenizer, str(self.model)
        )
        return pattern, words, {name: value for name, (value, _) in found.items()}

    def _temporary(self) -> tuple[Path, Callable[[], Any]]:
        """Return a new folder that goes with the object, and what removes it before."""
        folder = tempfile.mkdtemp(prefix="pet-mtl-")
        return Path(folder), weakref.finalize(self, _remove, folder, os.getpid())

    def _checkpoint(self) -> Path:
        """Return the folder of the checkpoint, or raise a PetMtlError where it has gone."""
        folder = Path(self.checkpoint_)
        if (folder / MANIFEST).is_file():
            return folder
        hint = "put it back, or fit again"
        raise PetMtlError("the fitted checkpoint has gone", where=str(folder), hint=hint)

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters and the files of the checkpoint, which another process can use."""
        state = dict(super().__getstate__())
        for name in ("_predictor", "run_", "_remove"):
            state.pop(name, None)
        if state.pop("checkpoint_", None) is not None:
            folder = self._checkpoint()
            files = [file for file in folder.rglob("*") if file.is_file()]
            state["_files"] = {f.relative_to(folder).as_posix(): f.read_bytes() for f in files}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        files = state.pop("_files", None)
        super().__setstate__(state)
        if files is not None:
            folder, self._remove = self._temporary()
            for name, content in files.items():
                file = folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            self.checkpoint_, self.run_ = str(folder), None
            self._predictor = Predictor(folder)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags


def _renamed(rows: Sequence[Any], names: Mapping[Any, str]) -> list[Any]:
    """Return rows whose keys are the fields of the pattern; where another column is called as a
    field, the field is what it was learned from, wherever the two stand."""
    return [
        {key: value for key, value in row.items() if key not in names}
        | {field: row[key] for key, field in names.items() if key in row}
        if isinstance(row, Mapping)
        else row
        for row in rows
    ]


def _remove(folder: str, process: int) -> None:
    """Remove a folder in the process that made it: a fork has a copy of the object, and ends or
    fits it again while the other still needs the folder."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
