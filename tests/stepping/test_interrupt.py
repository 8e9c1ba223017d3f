import os
import signal
import threading

import pytest

from pet_mtl.stepping.interrupt import Interrupted, StopSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_the_second_stops(number: signal.Signals) -> None:
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    with StopSignals() as signals:
        assert not signals.wanted
        os.kill(os.getpid(), number)
        assert signals.wanted
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert {s: signal.getsignal(s) for s in before} == before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signal")
def test_a_closed_terminal_is_a_wish_however_often_it_is_told() -> None:
    heard = list[int]()
    before = signal.signal(signal.SIGHUP, lambda number, frame: heard.append(number))
    try:
        with StopSignals() as signals:
            signal.raise_signal(signal.SIGHUP)
            assert signals.wanted
            signal.raise_signal(signal.SIGHUP)  # from the shell, after that of the system
            signal.raise_signal(signal.SIGTERM)  # from what ends the session
            signal.raise_signal(signal.SIGHUP)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        assert not heard
        signal.raise_signal(signal.SIGHUP)
        assert heard
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            signal.raise_signal(signal.SIGINT)
            assert not signals.wanted
            signal.raise_signal(signal.SIGTERM)
            assert signals.wanted
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="ours"), StopSignals():
        raise ValueError("ours")
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_nothing_is_caught() -> None:
    problems: list[BaseException] = []

    def enter() -> None:
        try:
            with StopSignals() as signals:
                assert not signals.wanted
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert not problems


def test_interrupted_has_the_shells_exit_code() -> None:
    assert Interrupted("stopped").exit_code == 130


def test_a_handler_that_python_cannot_put_back_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in C around Python may have one: `signal.getsignal` says None, and
    `signal.signal` takes none."""
    before, real = signal.getsignal(signal.SIGINT), signal.getsignal
    monkeypatch.setattr(
        signal, "getsignal", lambda number: None if number == signal.SIGTERM else real(number)
    )
    changed, change = list[int](), signal.signal

    def note(number: int, handler: object) -> object:
        changed.append(number)
        return change(number, handler)  # type: ignore[arg-type]

    monkeypatch.setattr(signal, "signal", note)
    with StopSignals():
        assert real(signal.SIGINT) != before
    assert changed.count(signal.SIGINT) == 2
    assert signal.SIGTERM not in changed
    assert real(signal.SIGINT) is before
