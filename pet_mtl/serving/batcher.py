"""Jobs wait in one queue; a few threads score as many together as fit into a budget of tokens."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import torch

from pet_mtl.errors import panics_as_errors
from pet_mtl.scoring.log_probs import FloatArray
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
        threads: that score, each a batch of its own; the cores are shared out among them.
        on_batch: told the rows of a batch and the seconds it took.
        on_queue: told how many rows wait, when these are others than before.
    """

    def __init__(
        self,
        *,
        score: Callable[[Sequence[Job]], list[FloatArray]] = score_jobs,
        tokens: int = 4096,
        wait: float = 0.002,
        queue: int = 2048,
        threads: int = 1,
        on_batch: Callable[[int, float], None] = lambda rows, seconds: None,
        on_queue: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self._score, self._tokens = score, tokens
        self._wait, self._most = wait, queue
        self._on_batch, self._on_queue = on_batch, on_queue
        self._jobs: deque[tuple[float, Job]] = deque()
        self._rows = self._waiting_tokens = 0
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"pet-mtl-batches-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._rows

    @property
    def alive(self) -> bool:
        """Whether jobs are taken."""
        return all(thread.is_alive() for thread in self._threads) and not self._closed

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
            if self._rows + job.rows > self._most:
                self._drop_cancelled()
                if self._jobs and self._rows + job.rows > self._most:
                    raise QueueFullError
            self._jobs.append((time.monotonic(), job))
            self._rows += job.rows
            self._waiting_tokens += job.tokens
            self._on_queue(self._rows)
            self._changed.notify()

    def _drop_cancelled(self) -> None:
        """Take the jobs that nobody waits for any more out of the queue."""
        self._jobs = deque(each for each in self._jobs if not each[1].future.cancelled())
        self._rows = sum(job.rows for _, job in self._jobs)
        self._waiting_tokens = sum(job.tokens for _, job in self._jobs)

    def close(self) -> None:
        """Score what waits, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        if len(self._threads) > 1:  # the setting holds for this thread only
            torch.set_num_threads(max(1, torch.get_num_threads() // len(self._threads)))
        while (jobs := self._take()) is not None:
            asked = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if asked:
                start = time.perf_counter()
                self._answer(asked)
                self._on_batch(sum(job.rows for job in asked), time.perf_counter() - start)

    def _take(self) -> list[Job] | None:
        """Wait for jobs and return a batch of them, in the order they came; None at the end. There
        may be no job in it: another thread was first."""
        with self._changed:
            while not self._jobs:
                if self._closed:
                    return None
                self._changed.wait()
            while self._jobs and self._waiting_tokens < self._tokens and not self._closed:
                left = self._jobs[0][0] + self._wait - time.monotonic()
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
            self._on_queue(self._rows)
            return jobs

    def _answer(self, jobs: Sequence[Job]) -> None:
        """Score jobs; where that fails, each alone: one that is not right spoils no other."""
        try:
            with panics_as_errors("the rows cannot be scored"):
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
