"""A run's figures for experiment trackers, where `train.report_to` asks for them (through
accelerate)."""

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pet_mtl.console import say
from pet_mtl.errors import ProblemList
from pet_mtl.text import one_line

PROJECT = "pet_mtl"
# the packages of the trackers that `report_to` may name, and what their run is called by
PACKAGES = {
    "tensorboard": "tensorboard",
    "trackio": "trackio",
    "wandb": "wandb",
    "mlflow": "mlflow",
}
_NAMED_BY = {"trackio": "name", "wandb": "name", "mlflow": "run_name"}
_TURN = threading.Lock()


class Trackers:
    """Give the records of `metrics.jsonl` to trackers, begun at the first record; one that fails
    gets no more.

    Where they write is the tracker's own business: TensorBoard in `OUT/tensorboard`, trackio and
    MLflow in folders of their own, wandb where it was told to (`WANDB_MODE=offline` keeps it here).

    Args:
        names: of the trackers; none by default.
        path: the run's folder.

    Raises:
        PetMtlError: a tracker's package is not installed.
    """

    def __init__(self, names: Sequence[str], path: Path) -> None:
        problems = ProblemList()
        for name in names:
            if find_spec(PACKAGES[name]) is None:
                problems.add(
                    f"`{name}` is not installed",
                    where="train.report_to",
                    hint=f"pip install {PACKAGES[name]}",
                )
        problems.raise_if_any()
        self._names, self._path = list(names), path
        self._begun: dict[str, Any] = {}

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one record, `{"step": …, "loss": {task: …}}` or `{"step": …, "dev": {task: {metric:
        …}}}`."""
        with _off_stdout():
            for name in list(self._names):
                with self._left_out(name):
                    if name not in self._begun:
                        self._begun[name] = self._begin(name, record["step"])
                    self._begun[name].log(scalars(record), step=record["step"])

    @contextmanager
    def _left_out(self, name: str) -> Iterator[None]:
        """Go on without a tracker that fails: its network is no reason to lose a run, whose log has
        the same figures."""
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # whatever its library raises
            self._names.remove(name)
            self._begun.pop(name, None)
            reason = one_line(str(error)) or type(error).__name__
            say(f"warning: train.report_to: `{name}` failed and gets no more records: {reason}")

    def _begin(self, name: str, step: int) -> Any:
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS

        kind = LOGGER_TYPE_TO_CLASS[name]
        if kind.requires_logging_directory:
            # a resumed run repeats steps: what was written beyond its first one is hidden
            tracker = kind(name, logging_dir=str(self._path), purge_step=step)
        else:
            tracker = kind(PROJECT, **{_NAMED_BY[name]: self._path.name})
        tracker.start()
        return tracker

    def close(self) -> None:
        begun, self._begun = self._begun, {}
        with _off_stdout():
            for name, tracker in begun.items():
                with self._left_out(name):
                    tracker.finish()


@contextmanager
def _off_stdout() -> Iterator[None]:
    """Let what trackers print go to stderr, for stdout is for data; one thread at a time: of two at
    once the later one would leave it there for ever."""
    with _TURN, redirect_stdout(sys.stderr):
        yield


def scalars(record: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a record under slash-separated names.

    >>> scalars({"step": 20, "loss": {"tnews": 1.5}, "rows": 640})
    {'loss/tnews': 1.5, 'rows': 640}
    """
    found: dict[str, float] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            found |= scalars(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and (prefix or key != "step"):
            found[f"{prefix}{key}"] = value
    return found
