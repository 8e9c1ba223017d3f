"""`pet_mtl.train`, and the run that it returns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from pet_mtl.api.suite import suite_of
from pet_mtl.api.task import Task, task_list
from pet_mtl.api.wording import errors_for_python
from pet_mtl.console import started_together
from pet_mtl.errors import PetMtlError
from pet_mtl.metrics.score import Score
from pet_mtl.report.run import report_run
from pet_mtl.scoring.notebook import table_html
from pet_mtl.scoring.predictor import Predictor
from pet_mtl.storage.outputs import give_back, next_run_folder
from pet_mtl.training import run
from pet_mtl.training.result import TrainResult

Callback = Callable[[dict[str, Any]], None]


class TrainedRun:
    """A finished run.

    Attributes:
        result: steps, speed, dev scores.
        out: the run's folder, with `checkpoint/`, `metrics.jsonl` and `report.html`.
    """

    def __init__(self, result: TrainResult) -> None:
        self.result = result
        self.out = result.out
        self._home = result.out.absolute()  # the working folder may change

    @property
    def checkpoint(self) -> Path:
        """The folder of the best checkpoint."""
        return self._home / "checkpoint"

    @property
    def report(self) -> Path | None:
        """The page of the run, None without dev rows."""
        file = self._home / "report.html"
        return file if file.is_file() else None

    @property
    def scores(self) -> Mapping[str, Score]:
        """The dev scores by task."""
        return self.result.scores

    @cached_property
    def model(self) -> Predictor:
        """The best checkpoint, loaded."""
        return Predictor(self.checkpoint)

    def predict(self, rows: Any, task: str | None = None) -> list[Any]:
        """Predict rows with the best checkpoint; see `Predictor.predict`."""
        return self.model.predict(rows, task)

    def __repr__(self) -> str:
        figures = ", ".join(f"{n} {s.main.name} {s.main.value:.4f}" for n, s in self.scores.items())
        return f"TrainedRun({str(self.out)!r}, {figures or 'no dev rows'})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the dev scores, and the report below them."""
        figures = {name: score.summary() for name, score in self.scores.items()}
        names = list(dict.fromkeys(one for summary in figures.values() for one in summary))
        rows = [
            [name, str(score.examples)]
            + [f"{figures[name][one]:.4f}" if one in figures[name] else "–" for one in names]
            for name, score in self.scores.items()
        ]
        title = f"{self.out}: step {self.result.best_step} of {self.result.steps}"
        table = table_html(title, ["task", "dev rows", *names], rows)
        if self.report is None:
            return table
        page = escape(self.report.read_text(encoding="utf-8"), quote=True)
        frame = (
            f'<iframe sandbox="allow-scripts" srcdoc="{page}" width="100%" height="600"></iframe>'
        )
        return f"{table}<details><summary>report</summary>{frame}</details>"


@errors_for_python()
def train(
    tasks: Sequence[Task],
    model: str | Path = "zh-mini",
    out: str | Path | None = None,
    *,
    method: str | Mapping[str, Any] = "pet",
    sampling: Mapping[str, Any] = {},
    callbacks: Callback | Sequence[Callback] = (),
    resume: bool = False,
    teachers: str | Path | TrainedRun | Sequence[str | Path | TrainedRun] = (),
    **settings: Any,
) -> TrainedRun:
    """Train one model on tasks with rows in memory or in files.

    Args:
        callbacks: what gets each record of `metrics.jsonl`, one or several.
        teachers: a checkpoint or a run to learn from too, or several; a run that is gone on with
            needs none.

    Raises:
        PetMtlError: a task, a row or a setting is not right; nothing is written then.
    """
    tasks = task_list(tasks)
    if not tasks:
        raise PetMtlError("there are no tasks", hint="give `tasks=[pet_mtl.Task(…)]`")
    if resume and out is None:
        raise PetMtlError("`resume` needs the folder of the run", hint="give `out=`")
    if out is None and started_together() > 1:  # each process would look for a free name
        raise PetMtlError("several processes need one output folder", hint="give `out=`")
    suite = suite_of(tasks, model, settings=settings, sampling=sampling, method=method)
    data = {
        task.name: task.data(suite.tasks[task.name], suite.train.seed, suite.base) for task in tasks
    }
    given = [teachers] if isinstance(teachers, str | Path | TrainedRun) else teachers or ()
    if not isinstance(given, Iterable) or not all(
        isinstance(each, str | Path | TrainedRun) for each in given
    ):
        raise PetMtlError(
            "`teachers` must be checkpoints or runs", hint='such as `teachers=["big/checkpoint"]`'
        )
    folders = [each.checkpoint if isinstance(each, TrainedRun) else Path(each) for each in given]
    told = list(callbacks or ()) if isinstance(callbacks, Iterable | None) else [callbacks]
    if not all(map(callable, told)):
        raise PetMtlError("`callbacks` must be functions", hint="such as `callbacks=[print]`")
    folder = Path(out) if out is not None else next_run_folder("-".join(suite.tasks)[:40])

    def tell(record: dict[str, Any]) -> None:
        for callback in told:  # what one makes of it is nothing to the run, nor to the others
            callback(deepcopy(record))

    try:
        result = run.train(
            suite,
            folder,
            resume=resume,
            data=data,
            teachers=() if resume else folders,
            report=report_run,
            logged=tell,
        )
    except BaseException:
        give_back(folder)
        raise
    return TrainedRun(result)
