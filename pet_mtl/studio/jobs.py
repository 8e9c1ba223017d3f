"""Work that takes long, in threads: its progress, and how it is stopped."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

from pet_mtl.errors import PetMtlError

State = Literal["running", "done", "failed", "stopped"]
_KEPT = 64


class StoppedError(Exception):
    """Nobody wants the result any more."""


class Job:
    """A piece of work.

    Attributes:
        kind: what it is for.
        state: `failed` has an `error`, `done` a `result`.
        done: units of `total` so far; 0 of 0 where it is not known.
    """

    def __init__(self, kind: str = "") -> None:
        self.id, self.kind = uuid.uuid4().hex, kind
        self.state: State = "running"
        self.done = self.total = 0
        self.result: Any = None
        self.error: PetMtlError | None = None
        self._stop = threading.Event()
        self._ended = threading.Event()

    def progress(self, done: int, total: int) -> None:
        """Note how far the work is.

        Raises:
            StoppedError: it was stopped.
        """
        self.done, self.total = done, total
        if self._stop.is_set():
            raise StoppedError

    def stop(self) -> None:
        """Have the work end at its next step."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait for the end, so long at the most."""
        self._ended.wait(seconds)

    def run(self, work: "Callable[[Job], Any]") -> None:
        """Do the work in this thread."""
        try:
            self.progress(0, 0)
            self.result = work(self)
            self.state = "done"
        except StoppedError:
            self.state = "stopped"
        except PetMtlError as error:
            self.error, self.state = error, "failed"
        except Exception as error:  # the page shows it; the server lives on
            self.error = PetMtlError(f"this failed inside: {type(error).__name__}: {error}")
            self.state = "failed"
        finally:
            self._ended.set()

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"job": self.id, "state": self.state}
        if self.state == "running":
            found |= {"done": self.done, "total": self.total}
        if self.error is not None:
            found["problems"] = problems_json(self.error)
        if self.state == "done":
            found["result"] = self.result
        return found


def problems_json(error: PetMtlError) -> list[dict[str, str | None]]:
    """Return the problems of an error for the page."""
    return [
        {"message": problem.message, "where": problem.where, "hint": problem.hint}
        for problem in error.problems[:20]
    ]


class Jobs:
    """The jobs of a server; those that were begun or asked about last are kept."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, kind: str, work: Callable[[Job], Any]) -> Job:
        """Begin some work; a job of the same kind that still runs is stopped."""
        job = Job(kind)
        with self._lock:
            for before in self._jobs.values():
                if before.kind == kind:
                    before.stop()
            self._jobs[job.id] = job
            while len(self._jobs) > _KEPT:
                self._jobs.popitem(last=False)
        threading.Thread(target=job.run, args=(work,), name=f"pet-mtl-{kind}", daemon=True).start()
        return job

    def find(self, job: str) -> Job | None:
        """Return a job by its id; while somebody asks about it, later ones do not push it out."""
        with self._lock:
            if job in self._jobs:
                self._jobs.move_to_end(job)
            return self._jobs.get(job)

    def stop_all(self) -> None:
        """Stop all that run."""
        for job in list(self._jobs.values()):
            job.stop()
