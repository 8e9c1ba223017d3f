"""Bars that fit: one line, whatever the width, and one bar at a time."""

import io

import pytest

from pet_mtl import console
from pet_mtl.console import Bar, show
from pet_mtl.progress_line import progress_line


@pytest.mark.parametrize("width", [1, 10, 20, 40, 80, 200])
@pytest.mark.parametrize("title", ["training", "scoring " + "a/long/path/" * 20])
@pytest.mark.parametrize("note", ["", "loss 0.693  412 rows/s", "x" * 300])
def test_a_line_fits(width: int, title: str, note: str) -> None:
    line = progress_line(width, title, 123, 940, 3661.0, note)
    assert len(line) <= width
    assert "\n" not in line
    if width >= 80 and len(note) < 40:
        assert line.endswith(note)
        assert "123/940 1:01:01" in line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [40, 80])
def test_bars_in_bars_leave_nothing(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    handlers = list(console.LOGGER.handlers)
    show()
    try:
        outer = Bar("training", 10)
        outer.advance(4, "loss 0.693  412 rows/s")
        inner = Bar("scoring " + "a/long/path/" * 9, 5)
        inner.advance(1)
        assert [outer, inner] == console._BARS
        inner.close()
        assert [outer] == console._BARS
        outer.advance(6)
        outer.close()
    finally:
        console.LOGGER.handlers[:] = handlers
        console.LOGGER.propagate = True
    assert console._BARS == []
    text = stream.getvalue()
    shown = [line for part in text.split("\r") for line in part.split("\n")]
    assert not any("training" in line and "scoring" in line for line in shown)
    assert any("scoring" in line for line in shown)
