"""Words for people: messages and progress bars. Data goes to stdout, elsewhere.

Messages are records of the logger `pet_mtl`, level INFO. A program that uses the library hears them if its logging is
set up so; the command line calls `show`, and then they go to stderr, and bars too.
"""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

LOGGER = logging.getLogger("pet_mtl")
LOGGER.addHandler(logging.NullHandler())


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(record.getMessage(), file=sys.stderr, flush=True)  # whatever stderr is by now


_STDERR = _Stderr()


def show() -> None:
    """Put messages and bars on stderr from now on."""
    if _STDERR not in LOGGER.handlers:
        LOGGER.addHandler(_STDERR)
        LOGGER.setLevel(logging.INFO)
        LOGGER.propagate = False  # nothing twice


def speaks() -> bool:
    """Return whether this process talks: of several processes of one run, the first does."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Log a message for people."""
    if speaks():
        LOGGER.info("%s", text)


class Bar:
    """A progress bar on a terminal; elsewhere a line now and then.

    Args:
        title: what goes on.
        total: units until the end.
        done: units done before, in an earlier run.
    """

    _LINE_EVERY = 15.0  # seconds

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total, self.done = title, total, done
        self._started, self._start_done, self._last_line = time.monotonic(), done, time.monotonic()
        self._progress: Any = None
        if _STDERR in LOGGER.handlers and speaks() and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._progress.add_task(title, total=total, completed=done, note="")
            self._progress.start()

    def advance(self, units: int, note: str = "") -> None:
        """Count `units` more and show `note` behind the bar."""
        self.done += units
        if self._progress is not None:
            self._progress.update(self._task, completed=self.done, note=note)
        elif time.monotonic() - self._last_line > self._LINE_EVERY:
            self._last_line = time.monotonic()
            rate = (self.done - self._start_done) / (self._last_line - self._started)
            left = (self.total - self.done) / rate if rate else 0.0
            say(f"{self.title} {self.done}/{self.total}  {note}  {left:.0f} s left")

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()


@contextlib.contextmanager
def bar(title: str, total: int, done: int = 0) -> Iterator[Bar]:
    """Show a progress bar while the block runs."""
    shown = Bar(title, total, done)
    try:
        yield shown
    finally:
        shown.close()
