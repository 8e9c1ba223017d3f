"""Run the command line in this process, and say what is wrong with how it ended."""

import contextlib
import io
import os
import re
import sys
import time
import traceback
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_TEXT = 100_000  # characters of messages
MOST_SECONDS = 60.0
_PRINTABLE = "\n\t"
# what emoji and words of Persian or Hindi are written with
_JOINERS = re.compile(
    "(?<=[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])\u200d(?=[\u2190-\u2bff\U0001f000-\U0001faff])"
    "|(?<=[\u0600-\u109f])[\u200c\u200d](?=[\u0600-\u109f])"
)


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: exit code; None after an exception that nobody caught.
        seconds: it took.
        fault: what must not be; empty where all is well.
    """

    code: int | None
    out: str
    messages: str
    seconds: float
    fault: str


def invoke(command: Sequence[str], folder: Path) -> Outcome:
    """Run a command in a folder."""
    from pet_mtl.__main__ import main

    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2)]
    before, place = sys.argv, Path.cwd()
    code: int | None = 0
    raised, started = "", time.monotonic()
    try:
        os.chdir(folder)
        sys.argv = ["pet-mtl", *command]
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            try:
                main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 0
            except BaseException:
                code, raised = None, traceback.format_exc()
    finally:
        sys.argv = before
        os.chdir(place)
    seconds = time.monotonic() - started
    out, messages = (_text(stream) for stream in streams)
    fault = raised or _fault(code, out, messages, seconds)
    return Outcome(code, out, messages, seconds, fault)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8", "surrogateescape")


def _fault(code: int | None, out: str, messages: str, seconds: float) -> str:
    if code not in (0, 1, 2):
        return f"exit code {code}"
    if "Traceback" in messages:
        return messages
    if code and not messages:
        return "no message"
    if len(messages) > MOST_TEXT:
        return f"{len(messages):,} characters of messages"
    for text in (out, messages):
        for letter in set(_JOINERS.sub("", text)):
            if letter not in _PRINTABLE and unicodedata.category(letter) in ("Cc", "Cf", "Cs"):
                return f"unsafe to print: U+{ord(letter):04X}"
    if seconds > MOST_SECONDS:
        return f"{seconds:.0f} s"
    return ""
