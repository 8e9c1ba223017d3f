"""The journal of a sweep: its lines are whole, whatever the disk does."""

import errno
import os
import signal
import subprocess
import sys
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

from pet_mtl.errors import MachineError, PetMtlError
from pet_mtl.sweep import journal
from pet_mtl.sweep.journal import Journal


class FullDisk(FileIO):
    """Takes some bytes and then no more."""

    left = 10

    def write(self, data: Any) -> int:
        if not self.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken, self.left = data[: self.left], 0
        return super().write(taken)


def test_lines_come_back_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "trials.journal"
    one, other = Journal(file), Journal(file)
    one.append_logs([{"op": 1}, {"op": "好"}])
    other.append_logs([{"op": 3}])
    for each in (one, other, Journal(file)):
        assert [log["op"] for log in each.read_logs(0)] == [1, "好", 3]
        assert [log["op"] for log in each.read_logs(2)] == [3]
    assert [path.name for path in tmp_path.iterdir()] == ["trials.journal"]


@pytest.mark.parametrize("torn", ['{"op":', "{"])
@pytest.mark.parametrize("whole", ["", '{"op":1}\n'])
def test_a_torn_last_line_is_dropped_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], whole: str, torn: str
) -> None:
    file = tmp_path / "trials.journal"
    file.write_text(whole + torn)
    opened = Journal(file)
    opened.append_logs([{"op": 2}])
    opened.append_logs([{"op": 3}])
    assert file.read_text() == whole + '{"op":2}\n{"op":3}\n'
    assert capsys.readouterr().err.count("its last line was never written to the end") == 1


def test_a_full_disk_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "trials.journal"
    opened = Journal(file)
    opened.append_logs([{"op": 1}])
    with monkeypatch.context() as patch:
        patch.setattr(journal, "FileIO", FullDisk)
        with pytest.raises(MachineError, match=r"trials\.journal: the disk is full\n  hint: free"):
            opened.append_logs([{"op": 2, "more": "x" * 100}])
    assert file.read_text() == '{"op":1}\n'
    opened.append_logs([{"op": 2}])
    assert [log["op"] for log in opened.read_logs(0)] == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["trials.journal"]


KILLED = """
import os, signal, sys
from pathlib import Path
from pet_mtl.sweep import journal
journal._append = lambda file, data: os.kill(os.getpid(), signal.SIGKILL)
journal.Journal(Path("sweep/trials.journal")).append_logs([{"op": 1}])
"""
WRITES = """
from pathlib import Path
from pet_mtl.sweep.journal import Journal
Journal(Path("sweep/trials.journal")).append_logs([{"op": 2}])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_process_killed_while_it_writes_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # `--out sweep`
    Path("sweep").mkdir()
    assert subprocess.run([sys.executable, "-c", KILLED]).returncode == -signal.SIGKILL
    subprocess.run([sys.executable, "-c", WRITES], check=True, timeout=60)
    assert Path("sweep/trials.journal").read_text() == '{"op":2}\n'
    assert [path.name for path in Path("sweep").iterdir()] == ["trials.journal"]


def test_a_damaged_line_before_the_last_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "trials.journal"
    file.write_text('{"op":1}\n{"op":{"op":2}\n')
    opened = Journal(file)
    opened.append_logs([{"op": 3}])
    with pytest.raises(PetMtlError, match=r"trials\.journal: damaged"):
        list(opened.read_logs(0))
