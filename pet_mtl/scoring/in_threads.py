"""Batches that are scored side by side on a CPU, each by one thread, or a few where there are many.

A batch of a small model is made of short kernels: cut among the threads, each of them waits for the
slowest part, and nothing goes on while Python starts the next. Whole batches have neither. With
up to eight threads they are also the same to the bit for any number of them.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch

_MOST = 8  # of Python's threads: above, they wait for each other's Python
_ROUNDS = 2  # fewer batches than so many for each thread leave too many idle at the end


@contextmanager
def in_threads(device: torch.device, jobs: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give what `map` is, for that many jobs: they run in threads where that is faster.

    Results come in order. At the end, what has not begun never does, and what has is waited for.
    """
    workers, of_each = _shares(torch.get_num_threads())
    if device.type != "cpu" or workers == 1 or jobs < _ROUNDS * workers:
        yield map
        return
    pool = ThreadPoolExecutor(workers, initializer=partial(_compute_with, of_each))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _shares(threads: int) -> tuple[int, int]:
    """Return how many threads of Python share torch's, and how many of these each has.

    >>> [_shares(threads) for threads in (1, 2, 8, 12, 64)]
    [(1, 1), (2, 1), (8, 1), (6, 2), (8, 8)]
    """
    of_each = -(-threads // _MOST)
    return threads // of_each, of_each


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
