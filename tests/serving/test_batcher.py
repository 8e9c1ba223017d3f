"""Jobs in one queue: what goes together, what is refused, what is left out."""

import threading
import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
import toys

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

from pet_mtl.errors import PetMtlError
from pet_mtl.serving.batcher import Batcher, ClosedError, QueueFullError
from pet_mtl.serving.rows import Job


def job(number: int, rows: int = 1, tokens: int = 10) -> Job:
    return Job(cast(Any, None), cast(Any, None), {"n": [str(number)] * rows}, rows, tokens)


class Scorer:
    """Scores a job by its number; the first batch waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, jobs: Sequence[Job]) -> list[Any]:
        numbers = [int(each.columns["n"][0]) for each in jobs]
        self.batches.append(numbers)
        self.begun.set()
        assert self.go.wait(10)
        if 13 in numbers:
            raise ValueError("13")
        if 14 in numbers:
            raise toys.PanicException("14")
        return [np.full((each.rows, 2), n) for each, n in zip(jobs, numbers, strict=True)]


def started(**options: Any) -> tuple[Scorer, Batcher, Job]:
    """Return a batcher that is busy with job 0."""
    scorer = Scorer()
    batcher = Batcher(score=scorer, wait=0.0, **options)
    first = job(0)
    batcher.submit(first)
    assert scorer.begun.wait(10)
    return scorer, batcher, first


def test_batches_are_filled_in_order_up_to_the_tokens() -> None:
    scorer, batcher, _ = started(tokens=25)
    jobs = [job(1), job(2), job(3, tokens=99), job(4), job(5, tokens=15), job(6)]
    for each in jobs:
        batcher.submit(each)
    scorer.go.set()
    assert [each.future.result(10)[0, 0] for each in jobs] == [1, 2, 3, 4, 5, 6]
    batcher.close()
    assert scorer.batches == [[0], [1, 2], [3], [4, 5], [6]]
    assert batcher.rows == 0


def test_a_full_queue_refuses_and_an_empty_one_takes_anything() -> None:
    scorer, batcher, first = started(queue=5)
    large = job(1, rows=9)
    batcher.submit(large)
    with pytest.raises(QueueFullError):
        batcher.submit(job(2))
    scorer.go.set()
    assert large.future.result(10).shape == (9, 2)
    batcher.submit(last := job(3))
    assert last.future.result(10)[0, 0] == 3
    batcher.close()
    assert first.future.done()


def test_jobs_that_nobody_waits_for_are_left_out() -> None:
    scorer, batcher, _ = started()
    gone, kept = job(1), job(2)
    batcher.submit(gone)
    batcher.submit(kept)
    assert gone.future.cancel()
    scorer.go.set()
    assert kept.future.result(10)[0, 0] == 2
    batcher.close()
    assert scorer.batches == [[0], [2]]


def test_a_job_that_fails_spoils_no_other() -> None:
    scorer, batcher, _ = started()
    jobs = [job(1), job(13), job(2)]
    for each in jobs:
        batcher.submit(each)
    scorer.go.set()
    assert [jobs[0].future.result(10)[0, 0], jobs[2].future.result(10)[0, 0]] == [1, 2]
    with pytest.raises(ValueError, match="13"):
        jobs[1].future.result(10)
    assert batcher.alive
    batcher.close()


def test_a_panic_of_the_tokenizer_ends_no_thread() -> None:
    scorer, batcher, _ = started()
    jobs = [job(1), job(14), job(2)]
    for each in jobs:
        batcher.submit(each)
    scorer.go.set()
    assert [jobs[0].future.result(10)[0, 0], jobs[2].future.result(10)[0, 0]] == [1, 2]
    with pytest.raises(PetMtlError, match="14"):
        jobs[1].future.result(10)
    assert batcher.alive
    batcher.close()


def test_close_answers_what_was_accepted() -> None:
    scorer, batcher, first = started(tokens=10)
    jobs = [job(n) for n in range(1, 6)]
    for each in jobs:
        batcher.submit(each)
    scorer.go.set()
    batcher.close()
    assert all(each.future.done() for each in [first, *jobs])
    assert not batcher.alive
    with pytest.raises(ClosedError):
        batcher.submit(job(7))


def test_the_wait_is_bounded_and_ends_when_a_batch_is_full() -> None:
    scorer = Scorer()
    scorer.go.set()
    batcher = Batcher(score=scorer, wait=0.2, tokens=20)
    start = time.monotonic()
    batcher.submit(alone := job(1))
    alone.future.result(10)
    assert 0.15 < time.monotonic() - start < 5
    start = time.monotonic()
    jobs = [job(2), job(3)]
    for each in jobs:
        batcher.submit(each)
    for each in jobs:
        each.future.result(10)
    assert time.monotonic() - start < 0.15
    assert scorer.batches == [[1], [2, 3]]
    batcher.close()


def test_the_rows_that_wait_are_told_as_they_come_and_go() -> None:
    """Not only when somebody asks: each of several processes tells its own."""
    told: list[int] = []
    scorer, batcher, _ = started(tokens=25, on_queue=told.append)
    for each in (job(1), job(2, rows=3), job(3)):
        batcher.submit(each)
    scorer.go.set()
    batcher.close()
    assert told == [1, 0, 1, 4, 5, 1, 0]
