"""Ctrl-C, SIGTERM and SIGHUP end any command alike: what it holds is cleaned up, it says so."""

import atexit
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from pet_mtl.stop_signals import HANGUP, STOP_SIGNALS

_UNTOUCHED = (signal.SIG_DFL, signal.default_int_handler)
_AGAIN = 0.05  # seconds
_came: list[int] = []  # signals that are to stop this process


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """While entered, Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt, once no module is being
    imported.

    What is raised inside an import is dropped there, or leaves half a module behind; a second
    signal does not wait. What is raised inside a finalizer is dropped by Python: it is raised again
    a moment later. A signal that is ignored, by `nohup` or in jobs of a script's background, stays
    so; a handler that is another's stays.
    """
    wanted = [*STOP_SIGNALS, *([signal.SIGALRM] if hasattr(signal, "SIGALRM") else [])]
    before = {number: signal.getsignal(number) for number in wanted}
    ours = [number for number in wanted if before[number] in _UNTOUCHED]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    _came.clear()
    for number in ours:
        signal.signal(number, _stop)
    dropped = sys.unraisablehook
    if hasattr(signal, "SIGALRM") and signal.SIGALRM in ours:
        sys.unraisablehook = _raised_again(dropped)
    try:
        yield
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # pydantic wraps it
            raise KeyboardInterrupt from error
        raise
    finally:
        _forget_timer()
        sys.unraisablehook = dropped
        for number in ours:
            signal.signal(number, before[number])
        atexit.unregister(_ignore)
        atexit.register(_ignore)  # all is done: while Python ends, nothing is left to stop


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt now for a signal that came while modules were imported."""
    if _came:
        _forget_timer()
        raise KeyboardInterrupt


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """End with exit code 0 where SIGTERM stops what stands inside: servers are asked so to end."""
    try:
        yield
    except KeyboardInterrupt:
        if _came[:1] == [signal.SIGTERM]:
            raise SystemExit(0) from None
        raise


def _stop(number: int, frame: FrameType | None) -> None:
    if number == HANGUP and number in _came:
        return  # the system and the shell send one each
    if number in STOP_SIGNALS:
        _came.append(number)
    if hasattr(signal, "setitimer"):
        waits = signal.setitimer(signal.ITIMER_REAL, 0)[0] > 0
        if _imports(frame) and not waits:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
            return
    raise KeyboardInterrupt


def _raised_again(otherwise: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Return a hook for what Python drops (in `__del__`, in a weak reference's callback)."""

    def hook(dropped: Any) -> None:
        if _came and dropped.exc_type is KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        else:
            otherwise(dropped)

    return hook


def _forget_timer() -> None:
    if _came and hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _ignore() -> None:
    if threading.current_thread() is threading.main_thread():
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
