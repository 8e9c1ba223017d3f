"""Runs that are stopped in the middle, and what a run leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pet_mtl.storage.outputs import RunFolder


def stop_at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that lets Ctrl-C come during the given step; the run must log every
    step."""
    write = RunFolder.log
    wanted = 0

    def log(self: RunFolder, record: dict[str, Any]) -> None:
        write(self, record)
        if record["step"] == wanted - 1 and "loss" in record:
            os.kill(os.getpid(), signal.SIGINT)

    def set_step(step: int) -> None:
        nonlocal wanted
        wanted = step

    monkeypatch.setattr(RunFolder, "log", log)
    return set_step


def saved_step(run: Path) -> int:
    """Return the step of the saved state, 0 where there is none."""
    try:
        return int(json.loads((run / "last" / "training.json").read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError):
        return 0


def kill_after(
    step: int, number: signal.Signals, script: str, arguments: Sequence[str], run: Path
) -> None:
    """Run a script, and send it a signal once it has saved that step."""
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 120
        while saved_step(run) < step:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(number)
        messages = process.communicate(timeout=120)[1]
    assert process.returncode == (-number if number == signal.SIGKILL else 130), messages
    assert "Traceback" not in messages


def read_state(run: Path, kept: str, measured: str) -> dict[str, object]:
    """Return all that a run holds at its end and that must not depend on how it got there.

    Args:
        kept: name of the folder that the run is for.
        measured: key of the log lines of its evaluations.
    """
    state: dict[str, object] = {}
    for folder in ("last", kept):
        for file in sorted((run / folder).glob("*.safetensors")):
            state |= {
                f"{folder}/{file.name}/{name}": value for name, value in load_file(file).items()
            }
    counters = json.loads((run / "last" / "training.json").read_text(encoding="utf-8"))
    records = [
        json.loads(line)
        for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    state["counters"] = {key: value for key, value in counters.items() if key != "seconds"}
    state[measured] = [record for record in records if measured in record]
    return state


def assert_same_state(found: dict[str, object], expected: dict[str, object]) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            other = found[name]
            assert isinstance(other, torch.Tensor)
            assert torch.equal(other, value), name
        else:
            assert found[name] == value, name
