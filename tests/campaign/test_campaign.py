"""A slice of the campaign, and that its door sees faults."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
def test_a_slice(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "run.py"), "--inputs", "120", "--kills", "8"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "inputs: 120" in done.stdout


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("raise ValueError('oops')", "ValueError: oops"),
        ("sys.exit(3)", "exit code 3"),
        ("sys.exit(2)", "no message"),
        ("print('a\\x1b[31m')", "unsafe to print: U+001B"),
        ("print('Traceback (most recent call last)', file=sys.stderr)", "Traceback"),
        ("print('fine')", ""),
    ],
)
def test_the_door_sees_faults(
    body: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pet_mtl import __main__ as cli

    monkeypatch.syspath_prepend(HERE)
    from door import invoke

    def main() -> None:
        exec(body, {"sys": sys})

    monkeypatch.setattr(cli, "main", main)
    outcome = invoke(["anything"], tmp_path)
    assert (fault in outcome.fault) if fault else outcome.fault == ""
