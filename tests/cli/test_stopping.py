"""Ctrl-C, SIGTERM and SIGHUP outside of what saves its state by itself."""

import os
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from called import Call
from pydantic import BaseModel, field_serializer

from pet_mtl import atomic
from pet_mtl.cli.stopping import stoppable
from pet_mtl.stop_signals import HANGUP, STOP_SIGNALS

STOPS = list(STOP_SIGNALS)
NUMBERS = (*STOPS, signal.SIGALRM)


@pytest.fixture(autouse=True)
def _same_handlers_after() -> Iterator[None]:
    # a job in a script's background, as these tests may be, ignores it, and so do its children
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = [signal.getsignal(number) for number in NUMBERS]
    yield
    assert [signal.getsignal(number) for number in NUMBERS] == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize("number", STOPS)
def test_each_signal_interrupts(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), stoppable():
        signal.raise_signal(number)


@pytest.mark.skipif(HANGUP is None, reason="Windows has no such signal")
def test_a_closed_terminal_is_told_twice_and_interrupts_once() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable():
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGHUP)  # the shell's, while the command cleans up
            cleaned = True
    assert cleaned


@pytest.mark.parametrize("number", STOPS)
def test_an_import_comes_to_its_end(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that drops what an import raises would go on with half a module."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "stopped_module.py").write_text(
        f"import signal, time\nsignal.raise_signal({int(number)})\ntime.sleep(0.2)\nwhole = True\n"
    )
    try:
        with pytest.raises(KeyboardInterrupt), stoppable():
            import stopped_module  # type: ignore[import-not-found]

            assert stopped_module.whole
            time.sleep(5)
            raise AssertionError("the signal was forgotten")
        assert sys.modules["stopped_module"].whole
    finally:
        sys.modules.pop("stopped_module", None)


def test_all_is_done_before_a_signal_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "last_module.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    with stoppable():
        import last_module  # type: ignore[import-not-found]  # noqa: F401
    time.sleep(0.1)  # an alarm that nobody awaits would end the process


def test_a_second_signal_does_not_wait_for_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "endless_module.py").write_text(
        "import signal\nfor _ in range(2):\n    signal.raise_signal(signal.SIGINT)\n"
        "raise AssertionError\n"
    )
    with pytest.raises(KeyboardInterrupt), stoppable():
        import endless_module  # type: ignore[import-not-found]  # noqa: F401
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


class _Stops:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


class _Weak:
    pass


def test_what_python_drops_is_raised_again(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception in `__del__` or in a weak reference's callback is printed and forgotten."""
    before = sys.unraisablehook
    held: list[object] = [_Stops(), _Weak()]
    reference = weakref.ref(held[1], lambda _: signal.raise_signal(signal.SIGINT))
    while held:
        with pytest.raises(KeyboardInterrupt), stoppable():
            held.pop()
            time.sleep(5)
            raise AssertionError("the signal was forgotten")
        assert sys.unraisablehook is before
    assert reference() is None
    assert "Exception ignored" not in capsys.readouterr().err


def test_other_dropped_exceptions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: told.append(dropped.exc_type))
    reference = weakref.ref(watched := _Weak(), lambda _: [][0])
    with stoppable():
        del watched
    assert (told, reference()) == ([IndexError], None)


class Slow(BaseModel):
    number: int = 1

    @field_serializer("number")
    def serialize(self, number: int) -> int:
        signal.raise_signal(signal.SIGTERM)
        return number


def test_what_pydantic_wraps_is_a_stop() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable():
        Slow().model_dump()


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", STOPS)
def test_before_the_commands_are_there(number: signal.Signals) -> None:
    code = (
        "import signal, sys\n"
        "from pet_mtl.__main__ import main\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'pet_mtl.cli.score': signal.raise_signal({int(number)})\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['pet-mtl', '--version']\n"
        "main()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "stopped\n")


@pytest.mark.parametrize("number", STOPS)
def test_half_a_folder_is_swept(
    number: signal.Signals, call: Call, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(checkpoint, "other")
    command = ("average", "model", "other", "--out", "mean")
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_sync", lambda _: os.kill(os.getpid(), number))
        ran = call(*command)
    assert ran.code == 130
    assert ran.err.splitlines()[-1] == "stopped"
    assert "Traceback" not in ran.err
    assert {path.name for path in Path().iterdir()} == {"model", "other"}
    assert call(*command).code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_server_that_is_still_loading(
    number: signal.Signals,
    code: int,
    call: Call,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = pytest.importorskip("pet_mtl.serving.workers")
    monkeypatch.setattr(workers, "serve_here", lambda *_: signal.raise_signal(number))
    ran = call("serve", "model", "--port", "0")
    assert ran.code == code
    assert ("stopped" in ran.err) == (code == 130)
    assert "Traceback" not in ran.err
