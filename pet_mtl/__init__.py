"""One masked language model for many classification tasks.

Every task is rewritten as a cloze: a task prefix, a pattern with a mask, and label words. The MLM
head scores the label words at the masks; tasks differ only in how their rows are written.

    import pet_mtl

    model = pet_mtl.load("runs/default-1/checkpoint")
    model.predict(["央行宣布下调存款准备金率"], task="tnews")

    task = pet_mtl.Task("mood", labels={"up": "好", "down": "坏"}, patterns="{mask}。{text}",
                        train=(texts, labels), dev=0.1)
    run = pet_mtl.train(tasks=[task], epochs=5)

    classifier = pet_mtl.PetClassifier(labels={"up": "好", "down": "坏"}).fit(texts, labels)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pet_mtl.api.classifier import PetClassifier
    from pet_mtl.api.task import Task
    from pet_mtl.api.train import TrainedRun
    from pet_mtl.errors import PetMtlError
    from pet_mtl.scoring.predictor import Predictor
    from pet_mtl.suite.task import CalibrationChoice

    __version__: str

__all__ = ["PetClassifier", "PetMtlError", "Task", "__version__", "load", "train"]

_LATER = {
    "PetClassifier": "pet_mtl.api.classifier",
    "Task": "pet_mtl.api.task",
    "PetMtlError": "pet_mtl.errors",
}


def load(
    model: str | Path,
    tasks: "Iterable[Task] | Task | str | Path | None" = None,
    calibration: "CalibrationChoice | None" = None,
) -> "Predictor":
    """Load a checkpoint folder for prediction; or, with tasks, a backbone that was not trained on
    them (zero-shot).

    Args:
        model: a checkpoint folder; with `tasks` an embedded backbone, a folder or a hub name.
        tasks: `Task` objects, or a pattern file, for a backbone.
        calibration: `none`, or what is fitted without labels: `contextual` and `pmi` need no rows,
            `prior` (which `auto` is for a backbone) reads those of the tasks. None is what the
            checkpoint has, or what the tasks say themselves, which is `auto` where they say
            nothing.

    Raises:
        PetMtlError: no checkpoint, one of a newer format, or a damaged one.
    """
    from pet_mtl.api.load import load as load_model

    return load_model(model, tasks, calibration)


def train(
    tasks: "Sequence[Task]",
    model: str = "zh-mini",
    out: str | Path | None = None,
    *,
    method: str | Mapping[str, Any] = "pet",
    sampling: Mapping[str, Any] = {},
    callbacks: Callable[[dict[str, Any]], None] | Sequence[Callable[[dict[str, Any]], None]] = (),
    resume: bool = False,
    teachers: str | Path | Sequence[str | Path] = (),
    **settings: Any,
) -> "TrainedRun":
    """Train one model on tasks, as `pet-mtl train` does with a pattern file.

    Args:
        tasks: `Task` objects, with their rows.
        model: an embedded backbone, a folder, or a hub name.
        out: the run's folder; None is the next of `runs/TASKS-1`, `runs/TASKS-2`, ….
        method: `pet`, `heads` or `cln`, or its section of a pattern file.
        sampling: that section of a pattern file.
        callbacks: called with each record that `metrics.jsonl` gets, such as `{"step", "loss", …}`
            and, after an evaluation, `{"step", "dev", "mean_macro_f1"}`; what one raises ends the
            run, which `resume` goes on with.
        resume: go on with the run in `out`.
        teachers: a checkpoint to learn from too, or several.
        settings: keys of `train:` in a pattern file, such as `epochs=5`, with the same defaults;
            a learning rate that is not given is what the backbone recommends.

    Returns:
        The run: `scores`, `checkpoint`, `report`, `predict(rows)`.

    Raises:
        PetMtlError: a task, a row or a setting is not right; nothing is written then.
    """
    from pet_mtl.api.train import train as train_tasks

    return train_tasks(
        tasks,
        model,
        out,
        method=method,
        sampling=sampling,
        callbacks=callbacks,
        resume=resume,
        teachers=teachers,
        **settings,
    )


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from pet_mtl.resources import own_version

        return own_version()
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
