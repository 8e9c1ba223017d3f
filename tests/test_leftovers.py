"""What killed writers left beside files and folders goes, and nothing else does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pet_mtl import leftovers
from pet_mtl.atomic import new_file, new_folder
from pet_mtl.leftovers import sweep


def test_what_a_killed_writer_left_is_found(tmp_path: Path) -> None:
    file = tmp_path / "file"
    script = (
        "import os, pathlib, signal, sys\n"
        "from pet_mtl.atomic import write_text\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_text(pathlib.Path(sys.argv[1]), 'half')"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    with new_file(file) as writing:
        sweep(file)
        assert len(list(tmp_path.iterdir())) == 1  # what this process writes is left
        writing.write(b"whole")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"whole")]


BEGINS = """
import os, signal, sys, time
from pathlib import Path
from pet_mtl.atomic import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "half").touch()
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs locks")
def test_what_a_killed_writer_of_a_folder_left_goes_with_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out.v1"
    command = [sys.executable, "-c", BEGINS, str(out)]
    kept = {".out.v1.swp", ".out.v1.settings", ".out.v1.local.new", ".outxv1.0123abcd.new"}
    for name in kept:
        (tmp_path / name).mkdir()
    assert subprocess.run([*command, "dies"], check=False).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == len(kept) + 1
    with subprocess.Popen(
        [*command, "lives"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as living:
        assert living.stdout is not None
        assert living.stdout.readline() == b"begun\n"
        assert len(list(tmp_path.iterdir())) == len(kept) + 1  # the dead one's has gone
        with new_folder(out) as folder, new_folder(out) as another:
            (another / "ours").touch()
            assert folder.is_dir()
            assert len(list(tmp_path.iterdir())) == len(kept) + 3
        living.communicate()
    assert living.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == kept | {"out.v1"}


def test_a_folder_that_is_taken_for_a_dead_ones_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, made = leftovers._lock, list[Path]()

    def late(folder: Path, *, wait: bool) -> int | None:
        made.append(folder)
        if len(made) == 1:
            folder.rmdir()  # by another writer, before it was held
        return lock(folder, wait=wait)

    monkeypatch.setattr(leftovers, "_lock", late)
    with new_folder(tmp_path / "out") as folder:
        (folder / "whole").touch()
    assert len(made) == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "whole"]


@pytest.mark.skipif(os.name != "posix", reason="needs locks")
def test_what_dead_writers_left_is_swept_and_no_more(tmp_path: Path) -> None:
    """A file and two folders of ours; locks and files of other programs stay."""
    file = tmp_path / "a.csv"
    (tmp_path / ".a.csv.0a1b2c3d.new").write_text("half")
    (tmp_path / ".a.csv.wxyz1_23.new").mkdir()
    (tmp_path / ".a.csv.old").mkdir()
    kept = [".a.csv.lock", ".b.csv.0a1b2c3d.new", "a.csv", ".a.csv.swp", ".a.csv.original"]
    for name in kept:
        (tmp_path / name).write_text("whole")
    sweep(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_set_aside_file_is_an_editors(tmp_path: Path) -> None:
    (tmp_path / ".a.csv.old").write_text("whole")
    sweep(tmp_path / "a.csv")
    assert (tmp_path / ".a.csv.old").is_file()
