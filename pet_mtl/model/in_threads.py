"""Batches that are computed side by side on a CPU, each by one thread, or a few where there are
many.

A batch of a small model is made of short kernels: cut among the threads, each of them waits for the
slowest part, and nothing goes on while Python starts the next. Whole batches have neither. With
up to eight threads scores are also the same to the bit for any number of them.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch

_MOST = 8  # of Python's threads: above, they wait for each other's Python
_ROUNDS = 2  # fewer unlike jobs than so many for each thread leave too many idle at the end


@contextmanager
def in_threads(
    device: torch.device, jobs: int, *, alike: bool = False
) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give what `map` is, for that many jobs: they run in threads where that is faster.

    Results come in order. At the end, what has not begun never does, and what has is waited for.

    Args:
        alike: the jobs take about the same time.
    """
    workers, of_each = shares(device, jobs, alike=alike)
    if workers == 1:
        yield map
        return
    pool = ThreadPoolExecutor(workers, initializer=partial(_compute_with, of_each))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def shares(device: torch.device, jobs: int, *, alike: bool = False) -> tuple[int, int]:
    """Return how many threads of Python do so many jobs, and how many of torch's each of them has;
    see `in_threads`."""
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    of_each = -(-threads // (min(_MOST, jobs) if alike else _MOST))
    workers = threads // of_each
    return (1, threads) if not alike and jobs < _ROUNDS * workers else (workers, of_each)


def _compute_with(threads: int) -> None:
    """Let this thread's own kernels have so many threads; `torch.set_num_threads` would say it to
    threads that begin later, too."""
    torch.get_num_threads()  # torch sets the number at a thread's first question
    for library in _openmp():
        library.set_num_threads(threads)


@cache
def _openmp() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    libraries: list[Any] = ThreadpoolController().select(user_api="openmp").lib_controllers
    return libraries
