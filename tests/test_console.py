import os
import subprocess
import sys
from pathlib import Path

import pytest

from pet_mtl import console
from pet_mtl.console import Bar, bar, put, put_json, say, speaks


def test_messages_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say("新 message")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "新 message\n")


def test_programs_hear_warnings_as_warnings(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "pet_mtl"):
        say("warning: few rows")
        say("a warning: of none")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.parametrize(
    ("rank", "talks"), [(None, True), ("0", True), ("1", False), ("15", False)]
)
def test_of_several_processes_the_first_speaks(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rank: str | None,
    talks: bool,
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert speaks() is talks
    say("hello")
    assert capsys.readouterr().err == ("hello\n" if talks else "")


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(console.time, "monotonic", lambda: self.now)


def test_elsewhere_than_on_a_terminal_a_line_comes_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    with bar("training", 100, done=10) as shown:
        shown.advance(10, "loss 1")
        assert capsys.readouterr().err == ""
        clock.now += 20
        shown.advance(10, "loss 0.5")  # 20 units in 20 s: 70 more need 70 s
        assert capsys.readouterr().err == "training 30/100  loss 0.5  70 s left\n"
        clock.now += 5
        shown.advance(10)
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err == ""


def test_no_progress_gives_no_division_by_zero(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    shown = Bar("scoring", 0)
    clock.now += 20
    shown.advance(0)
    shown.close()
    assert capsys.readouterr().err.startswith("scoring 0/0")


def test_on_a_terminal_a_bar_is_drawn_and_taken_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(ValueError, match="ours"), bar("training", 3) as shown:
        assert shown._progress is not None
        shown.advance(2, "loss 1")
        assert shown.done == 2
        raise ValueError("ours")
    assert not shown._progress.is_started
    assert capsys.readouterr().out == ""


def test_other_processes_draw_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with bar("training", 3) as shown:
        shown.advance(3)
        assert shown._progress is None
    assert capsys.readouterr().err == ""


LIBRARY = """
import logging, sys
sys.stderr.isatty = lambda: True
from pet_mtl.console import bar, say
say("100% unheard")
with bar("training", 3) as shown:
    shown.advance(3)
    assert shown._progress is None
logging.basicConfig(level=logging.INFO, format="%(name)s|%(message)s", stream=sys.stdout)
say("100% heard")
"""


def test_library_calls_are_silent_unless_logging_is_set_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("pet_mtl|100% heard\n", "")


def test_what_is_said_is_escaped_and_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    say("label \x9b31m " + "x" * 60_000)
    shown = Bar("scoring \x1b[2J", 2)
    clock.now += 20
    shown.advance(1, "\u202e")
    err = capsys.readouterr().err
    assert err.startswith("label \\x9b31m xxx")
    assert "scoring \\x1b[2J 1/2  \\u202e" in err
    assert max(map(len, err.split("\n"))) <= 500


def test_without_a_stderr_messages_do_not_become_data(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    say("hello")
    Bar("scoring", 2).close()
    assert capsys.readouterr().out == ""


SPEAKS_ON = """
import sys
from pet_mtl import console
console.show()
console.say("unheard")
console.say("unheard again")
console.put("done")
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
@pytest.mark.parametrize("why", ["its reader has gone", "its disk is full"])
def test_a_stderr_that_takes_no_more_ends_nothing(why: str) -> None:
    if why == "its disk is full":
        stderr = os.open("/dev/full", os.O_WRONLY)
    else:
        reads, stderr = os.pipe()
        os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-c", SPEAKS_ON], stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    finally:
        os.close(stderr)
    assert (done.returncode, done.stdout) == (0, "done\n")


HUNG_UP = """
import os
mine, terminal = os.openpty()
os.dup2(terminal, 2)
os.environ["TERM"] = "xterm"
from pet_mtl import console
console.show()
with console.bar("training", 3) as around, console.bar("asking", 3) as shown:
    assert shown._progress is not None
    os.close(terminal)
    os.close(mine)  # the terminal is closed
    shown.advance(1)
    console.say("unheard")
assert not around._progress.is_started
console.put("done")
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_terminal_that_was_closed_ends_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", HUNG_UP], stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_data_on_stdout_is_safe(capsys: pytest.CaptureFixture[str]) -> None:
    put("a\x1b[31m")
    put_json({"a": "\x9b新"})
    assert capsys.readouterr().out == 'a\\x1b[31m\n{"a": "\\u009b新"}\n'
