"""The command line called in this process: the fixture `call`."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Ran]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run `pet-mtl ARGUMENTS…` in this process."""
    from pet_mtl.__main__ import main
    from pet_mtl.storage.outputs import remove_chosen

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["pet-mtl", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        remove_chosen()  # as at the end of a process
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run
