"""Jobs wait in one queue; one thread scores as many together as fit into a budget of tokens."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from pet_mtl.scoring.scorer import FloatArray
from pet_mtl.serving.rows import Job, score_jobs


class QueueFullError(Exception):
    """More rows wait than the queue may hold."""


class ClosedError(Exception):
    """The batcher takes no more jobs."""


class Batcher:
    """Score jobs of many requests together.

    Args:
        score: returns the scores of some jobs.
        tokens: of a batch, as `Job.tokens` counts them; a larger job is a batch of its own.
        wait: seconds that the first job of a batch waits for others at the most. While a batch is
            scored the next one fills without any wait.
        queue: rows that may wait.
        on_batch: told the rows of a batch and the seconds it took.
    """

    def __init__(
        self,
        *,
        score: Callable[[Sequence[Job]], list[FloatArray]] = score_jobs,
        tokens: int = 4096,
        wait: float = 0.002,
        queue: int = 2048,
        on_batch: Callable[[int, float], None] = lambda rows, seconds: None,
    ) -> None:
        self._score, self._tokens, self._wait, self._most = score, tokens, wait, queue
        self._on_batch = on_batch
        self._jobs: deque[tuple[float, Job]] = deque()
        self._rows = self._waiting_tokens = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="pet-mtl-batches", daemon=True)
        self._thread.start()

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._rows

    @property
    def alive(self) -> bool:
        """Whether jobs are taken."""
        return self._thread.is_alive() and not self._closed

    def submit(self, job: Job) -> None:
        """Queue a job; its future gets the scores, and a job whose future is cancelled while it
        waits is left out.

        Raises:
            QueueFullError: too many rows wait; a job into an empty queue is always taken.
            ClosedError: `close` was called.
        """
        with self._changed:
            if self._closed:
                raise ClosedError
            if self._jobs and self._rows + job.rows > self._most:
                raise QueueFullError
            self._jobs.append((time.monotonic(), job))
            self._rows += job.rows
            self._waiting_tokens += job.tokens
            self._changed.notify()

    def close(self) -> None:
        """Score what waits, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while jobs := self._take():
            asked = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if asked:
                start = time.perf_counter()
                self._answer(asked)
                self._on_batch(sum(job.rows for job in asked), time.perf_counter() - start)

    def _take(self) -> list[Job]:
        """Wait for jobs and return a batch of them, in the order they came; none at the end."""
        with self._changed:
            while not self._jobs:
                if self._closed:
                    return []
                self._changed.wait()
            until = self._jobs[0][0] + self._wait
            while self._waiting_tokens < self._tokens and not self._closed:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            jobs: list[Job] = []
            tokens = 0
            while self._jobs and (not jobs or tokens + self._jobs[0][1].tokens <= self._tokens):
                _, job = self._jobs.popleft()
                jobs.append(job)
                tokens += job.tokens
                self._rows -= job.rows
            self._waiting_tokens -= tokens
            return jobs

    def _answer(self, jobs: Sequence[Job]) -> None:
        """Score jobs; where that fails, each alone: one that is not right spoils no other."""
        try:
            scores = self._score(jobs)
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            for job in jobs:
                self._answer([job])
            return
        for job, of_job in zip(jobs, scores, strict=True):
            job.future.set_result(of_job)
