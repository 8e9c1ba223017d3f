"""A checkpoint as a Python object."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pet_mtl.atomic import new_folder, require_new_folder
from pet_mtl.data.memory import row_list, text_columns
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import Prediction, kind_of
from pet_mtl.model.calibration import Calibration
from pet_mtl.paths import absolute
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel, require_task
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.notebook import predictor_html
from pet_mtl.scoring.thresholds import tell_missing
from pet_mtl.scoring.zero_shot import save_untrained
from pet_mtl.storage.checkpoint import Checkpoint, add_calibration
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec


class Predictor:
    """Predict labels with a checkpoint; several threads may ask one predictor at once. A pickle of
    it holds the folder of the weights, not the weights.

    Args:
        folder: a checkpoint folder, or a model in memory with its tasks.

    Raises:
        PetMtlError: no checkpoint, one of a newer format, or a damaged one.
    """

    def __init__(self, folder: Path | LoadedModel) -> None:
        self._loaded = folder if isinstance(folder, LoadedModel) else LoadedCheckpoint(folder)
        of_checkpoint = isinstance(self._loaded, LoadedCheckpoint)
        self._name = self._loaded.source if of_checkpoint else self._loaded.suite.model
        tell_missing(self._loaded.suite, self.tasks)
        _ = self._loaded.model  # built now, not in the time of the first rows

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that the checkpoint knows."""
        return tuple(self._loaded.suite.tasks)

    def labels(self, task: str | None = None) -> tuple[str, ...]:
        """Return the labels of a task, which may be left out where there is one only.

        Raises:
            PetMtlError: no such task, or it is not said which.
        """
        if task is None and len(self.tasks) > 1:
            raise PetMtlError("there are several tasks", hint=f"one of {', '.join(self.tasks)}")
        return require_task(self._loaded.suite, task or self.tasks[0], "labels").verbalizer.labels

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what a pickle holds: where the weights are, which whoever opens it reads anew."""
        loaded = self._loaded
        if isinstance(loaded, LoadedCheckpoint):
            home = absolute(loaded.checkpoint.folder)
            return _again, (replace(loaded.checkpoint, folder=home), loaded.calibration)
        return _again, ((str(absolute(Path(loaded.home))), loaded.suite), loaded.calibration)

    def __repr__(self) -> str:
        tasks = (f"{name}: {len(self.labels(name))} labels" for name in self.tasks)
        return f"{type(self).__name__}({self._name!r}, {'; '.join(tasks)})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the tasks with their labels and words."""
        return predictor_html(self._name, self._loaded.suite)

    def predict(self, rows: Any, task: str | None = None) -> list[Prediction]:
        """Predict the labels of rows of one task.

        Args:
            rows: texts for a task with one field, tuples in the order of the fields, or mappings
                from field to text; a list, a generator, a pandas frame or series, a numpy array, an
                Arrow table, a `datasets.Dataset`.
            task: may be left out where the rows fit one task only.

        Returns:
            One prediction a row, in their order.

        Raises:
            PetMtlError: an unknown task, rows that lack a field, or a task that cannot be told from
                the rows.
        """
        spec, log_probs = self._log_probs(rows, task)
        return [] if log_probs is None else kind_of(spec).predictions(log_probs)

    def predict_proba(self, rows: Any, task: str | None = None) -> FloatArray:
        """Return the probabilities `[rows, K]` of the labels, in the order of `labels`; see
        `predict`."""
        spec, log_probs = self._log_probs(rows, task)
        kind = kind_of(spec)
        if log_probs is None:
            return np.empty((0, len(kind.spec.labels)), np.float32)
        return kind.probabilities(log_probs)

    def save(self, folder: str | Path) -> Path:
        """Write the checkpoint, or the model as it is with its tasks as one, to a new folder, for
        `pet_mtl.load` and the command line.

        Raises:
            PetMtlError: the folder holds something, or cannot be written.
        """
        out, loaded = Path(folder), self._loaded
        try:
            require_new_folder(out)
        except PetMtlError as error:  # whose hint is for the command line
            raise error.hinted("save to another folder, one that is new") from None
        if not isinstance(loaded, LoadedCheckpoint):
            save_untrained(loaded, out)
            return out
        loaded.require_unchanged()
        with new_folder(out, replace=False) as target:
            shutil.copytree(loaded.folder, target, dirs_exist_ok=True)
            if loaded.calibration != loaded.checkpoint.calibration:
                add_calibration(target, loaded.calibration, loaded.checkpoint.metrics)
        return out

    def _log_probs(self, rows: Any, task: str | None) -> tuple[TaskSpec, FloatArray | None]:
        listed = row_list(rows)
        if not listed:
            return self._spec("", task or self.tasks[0]), None
        spec = self._spec(listed[0], task)
        columns = text_columns(listed, spec.fields, spec.name)
        found = self._loaded.log_probs({spec.name: Rows.of(columns)}, title="predicting")
        return spec, found[spec.name]

    def _spec(self, row: Any, task: str | None) -> TaskSpec:
        suite = self._loaded.suite
        if task is not None:
            return require_task(suite, task, "predict")
        specs = list(suite.tasks.values())
        fitting = [spec for spec in specs if _fits(row, spec)] if len(specs) > 1 else specs
        if len(fitting) == 1:
            return fitting[0]
        names = ", ".join(spec.name for spec in fitting) or "none"
        raise PetMtlError(
            f"the task cannot be told from the rows (fitting tasks: {names})",
            hint=f"name it: `predict(rows, task={next(iter(suite.tasks))!r})`",
        )


def _again(
    source: Checkpoint | tuple[str, Suite], calibration: dict[str, Calibration]
) -> Predictor:
    """Return the predictor of a checkpoint, or of a backbone's folder and tasks.

    Raises:
        PetMtlError: see `LoadedModel`; the folder holds another checkpoint by now.
    """
    loaded: LoadedModel
    if isinstance(source, Checkpoint):
        loaded = LoadedCheckpoint(source.folder)
        if repr(loaded.checkpoint) != repr(source):
            message = "the checkpoint was replaced since the model was pickled"
            raise PetMtlError(message, where=str(source.folder), hint="load and pickle it anew")
    else:
        loaded = LoadedModel(*source)
    loaded.calibration = calibration
    return Predictor(loaded)


def _fits(row: Any, task: TaskSpec) -> bool:
    """Return whether a row can be one of the task's: a text, fields by name, or fields in order."""
    if isinstance(row, str):
        return len(task.fields) == 1
    if isinstance(row, Mapping):
        return set(task.fields) <= set(row)
    return isinstance(row, list | tuple) and len(task.fields) == len(row)
