"""A folder is held by one process at a time, and by none when that process is gone."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.lock import held

HOLD = """
import sys
from pathlib import Path
from pet_mtl.storage.lock import held
with held(Path(sys.argv[1]) / ".lock") as ours:
    print(ours, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "cells" / "one"
    with held(folder / ".lock") as first:
        assert first
        with held(folder / ".lock") as second:
            assert not second
        with held(tmp_path / "cells" / "other" / ".lock") as other:
            assert other
    assert not any(folder.iterdir())
    with held(folder / ".lock") as again:
        assert again


def test_of_another_process_that_dies(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with held(tmp_path / ".lock") as ours:
            assert not ours
        process.kill()
        process.wait()
        with held(tmp_path / ".lock") as ours:  # its lock file is still there
            assert ours
    with holder(tmp_path) as process:
        process.stdin.close()  # type: ignore[union-attr]  # it ends, and we waited for it
        with held(tmp_path / ".lock", wait=True) as ours:
            assert ours
            assert (tmp_path / ".lock").exists()  # not the one that its last holder removed


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(PetMtlError, match="cannot write"),
        held(tmp_path / "file" / "folder" / ".lock"),
    ):
        pass
