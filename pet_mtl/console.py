"""Words for people, on stderr: messages and progress bars. Data goes to stdout, elsewhere."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import Any


def speaks() -> bool:
    """Return whether this process talks: of several processes of one run, the first does."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Print a message for people on stderr."""
    if speaks():
        print(text, file=sys.stderr, flush=True)


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
        if speaks() and sys.stderr.isatty():
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
