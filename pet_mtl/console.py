"""The one door to the terminal: words for people on stderr, data on stdout, nothing in them that
steers a terminal.

Messages are records of the logger `pet_mtl`, level INFO, warnings level WARNING. A program that
uses the library hears them if its logging is set up so; the command line calls `show`, and then
they go to stderr, and bars too.
"""

import contextlib
import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pet_mtl.progress_line import progress_line
from pet_mtl.text import json_text, one_line, printable, short_lines

LOGGER = logging.getLogger("pet_mtl")
LOGGER.addHandler(logging.NullHandler())


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage())


_STDERR = _Stderr()


def show() -> None:
    """Put messages and bars on stderr from now on."""
    if _STDERR not in LOGGER.handlers:
        LOGGER.addHandler(_STDERR)
        LOGGER.setLevel(logging.INFO)
        LOGGER.propagate = False  # nothing twice


def started_together() -> int:
    """Return how many processes a launcher (`torchrun`, `accelerate launch`, `mpirun`) has started
    for one run."""
    count = _launched("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
    return max(1, count or 1)


def speaks() -> bool:
    """Return whether this process talks: of several processes of one run, the first does."""
    return not _launched("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK")


def _launched(*names: str) -> int | None:
    """Return the first number among what launchers put into the environment."""
    found = (os.environ.get(name, "") for name in names)
    return next((int(number) for number in found if number.isdecimal()), None)


def say(text: str) -> None:
    """Log a message for people; what begins with `warning:` is one."""
    if speaks():
        level = logging.WARNING if text.startswith("warning:") else logging.INFO
        LOGGER.log(level, "%s", text)


def complain(text: str) -> None:
    """Print a message on stderr, whichever process this is; without a stderr, or where it takes no
    more, it is lost, never printed as data."""
    if sys.stderr is not None:
        with _stderr_may_go():
            print(short_lines(text), file=sys.stderr, flush=True)


@contextlib.contextmanager
def _stderr_may_go() -> Iterator[None]:
    """Lose what stderr does not take, and all that follows: the reader of a pipe has gone, a
    terminal was closed, the disk of a log is full. No run ends for want of someone to tell."""
    try:
        yield
    except OSError:
        _drop(sys.stderr)


def put(text: str = "") -> None:
    """Print data for people on stdout."""
    print(printable(text), flush=True)


def put_places(paths: Sequence[Path | str]) -> None:
    """Print on stdout where a finished result lies; on stderr where nobody reads stdout, since
    nothing of the result is lost then.

    Raises:
        OSError: stdout cannot be written for another reason, such as a full disk.
    """
    try:
        put("\n".join(map(str, paths)))
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EBADF):
            raise
        drop_stdout()
        for path in paths:
            say(f"written: {path}")


def drop_stdout() -> None:
    """Lose what stdout still holds and what is printed later, so that Python does not fail on it
    again."""
    _drop(sys.stdout)


def _drop(stream: Any) -> None:
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def put_file(text: str) -> None:
    """Print what a file would hold on stdout: as it is, but for a terminal as `put` does."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    print(printable(text) if terminal else text, end="", flush=True)


def put_json(value: Any) -> None:
    """Print data for machines on stdout, as one line."""
    print(json_text(value, ascii_only=_ascii_only()), flush=True)


def put_json_list(before: dict[str, Any], key: str, items: Iterable[Any]) -> None:
    """Print `{**before, key: [*items]}` as `put_json` does, holding one item at a time."""
    ascii_only = _ascii_only()
    head = json_text({**before, key: []}, ascii_only=ascii_only)
    print(head.removesuffix("]}"), end="")
    for number, item in enumerate(items):
        print(", " * (number > 0) + json_text(item, ascii_only=ascii_only), end="")
    print("]}", flush=True)


def _ascii_only() -> bool:
    encoding = (sys.stdout.encoding or "utf-8").lower().replace("-", "").replace("_", "")
    return encoding != "utf8"


def prepare_streams() -> None:
    """Make stdout and stderr take any text, and keep files that are opened later off the numbers of
    closed streams; on a closed stdout, data is an OSError."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        # closed by the caller (`2>&-`): the next file to be opened would get libraries' messages
        except OSError:
            while (opened := os.open(os.devnull, os.O_RDWR)) < number:
                pass
            if opened > number:
                os.dup2(opened, number)
                os.close(opened)
        stream = getattr(sys, name)
        if number and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:  # closed by the caller: what is printed must not be lost without a word
        nowhere = os.open(os.devnull, os.O_RDONLY)
        sys.stdout = os.fdopen(nowhere, "w", encoding="utf-8", errors="backslashreplace")
    if (
        not os.environ.get("COLUMNS", "80").strip().isdecimal()
        or int(os.environ.get("COLUMNS", "80")) < 1
    ):
        del os.environ["COLUMNS"]  # tables of no width show nothing


_BARS: list["Bar"] = []  # that are open on a terminal, the one that is shown last
_BARS_LOCK = threading.Lock()


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
        self.title = title = one_line(title)
        shown = _STDERR in LOGGER.handlers and speaks()
        if shown and sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._note, console = "", Console(stderr=True)
            self._progress = Live(
                get_renderable=lambda: self._line(console.width),
                console=console,
                transient=True,
                refresh_per_second=4,
            )
            with _BARS_LOCK:  # two bars at once would write over each other: the inner one is shown
                if _BARS:
                    _BARS[-1]._switch(on=False)
                _BARS.append(self)
                self._switch(on=True)

    def _line(self, width: int) -> Any:
        from rich.text import Text

        spent, did = time.monotonic() - self._started, self.done - self._start_done
        left = spent / did * (self.total - self.done) if did else None
        line = progress_line(width - 1, self.title, self.done, self.total, left, self._note)
        return Text(line, no_wrap=True, overflow="crop")

    def advance(self, units: int, note: str = "") -> None:
        """Count `units` more and show `note` behind the bar."""
        self.done += units
        note = one_line(note)
        if self._progress is not None:
            self._note = note
        elif time.monotonic() - self._last_line > self._LINE_EVERY:
            self._last_line = time.monotonic()
            rate = (self.done - self._start_done) / (self._last_line - self._started)
            left = (self.total - self.done) / rate if rate else 0.0
            say(f"{self.title} {self.done}/{self.total}  {note}  {left:.0f} s left")

    def close(self) -> None:
        """Take the bar away, and show the one around it again."""
        if self._progress is None:
            return
        with _BARS_LOCK:
            self._switch(on=False)
            was_shown = _BARS[-1:] == [self]
            if self in _BARS:
                _BARS.remove(self)
            if was_shown and _BARS:
                _BARS[-1]._switch(on=True)

    def _switch(self, *, on: bool) -> None:
        with _stderr_may_go():
            if on:
                self._progress.start()
            else:
                self._progress.stop()


@contextlib.contextmanager
def bar(title: str, total: int, done: int = 0) -> Iterator[Bar]:
    """Show a progress bar while the block runs."""
    shown = Bar(title, total, done)
    try:
        yield shown
    finally:
        shown.close()
