"""Ctrl-C, SIGTERM and a closed terminal as a wish to stop after the step in hand."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from pet_mtl.errors import PetMtlError
from pet_mtl.stop_signals import HANGUP, STOP_SIGNALS


class Interrupted(PetMtlError):  # noqa: N818  # nothing went wrong
    """The user stopped the run; what was done is saved (exit code 130, as shells have it)."""

    exit_code = 130


class StopSignals:
    """While entered, the first Ctrl-C or SIGTERM sets `wanted`; the second stops at once. SIGHUP
    only wishes: where a terminal is closed, the system, the shell and the session's end send one
    signal each."""

    def __init__(self) -> None:
        self.wanted = self._asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                # None: that of a program in another language around Python, which alone can set it;
                # ignored: by `nohup`; in a script's background, where Ctrl-C is meant for others
                if signal.getsignal(number) not in (None, signal.SIG_IGN):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number != HANGUP:
            raise KeyboardInterrupt
        self._asked |= number != HANGUP
        self.wanted = True
