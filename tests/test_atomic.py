import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pet_mtl.atomic import new_folder, recover_folder, write_errors, write_text
from pet_mtl.errors import MachineError, PetMtlError


def fill(path: Path, text: str) -> None:
    with new_folder(path) as temporary:
        (temporary / "a.txt").write_text(text)
        (temporary / "inner").mkdir()
        (temporary / "inner" / "b.txt").write_text(text)


def content(path: Path) -> dict[str, str]:
    return {
        str(file.relative_to(path)): file.read_text() for file in path.rglob("*") if file.is_file()
    }


def test_a_folder_appears_whole_and_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "target"
    with new_folder(target) as temporary:
        (temporary / "a.txt").write_text("x")
        assert not target.exists()
        assert temporary.parent == target.parent  # the same file system: the rename is atomic
    assert content(target) == {"a.txt": "x"}
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_a_folder_replaces_the_old_one_with_nothing_of_it_left(tmp_path: Path) -> None:
    target = tmp_path / "target"
    fill(target, "old")
    (target / "stale.txt").write_text("stale")
    fill(target, "new")
    assert content(target) == {"a.txt": "new", "inner/b.txt": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), ValueError("ours"), KeyboardInterrupt()]
)
def test_a_failure_in_the_middle_leaves_the_old_folder_and_no_litter(
    tmp_path: Path, error: BaseException
) -> None:
    target = tmp_path / "target"
    fill(target, "old")
    with (
        pytest.raises(MachineError if isinstance(error, OSError) else type(error)),
        new_folder(target) as temporary,
    ):
        (temporary / "a.txt").write_text("half")
        raise error
    assert content(target) == {"a.txt": "old", "inner/b.txt": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("failing", [1, 2])
def test_a_rename_that_fails_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    target = tmp_path / "target"
    fill(target, "old")
    calls = 0
    rename = Path.rename

    def fails(self: Path, to: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fails)
        with pytest.raises(MachineError, match="Input/output error"):
            fill(target, "new")
    assert content(target) == {"a.txt": "old", "inner/b.txt": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("place", ["fsync", "chmod"])
def test_a_disk_that_fills_up_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    target = tmp_path / "target"
    fill(target, "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*(((os, "fsync")) if place == "fsync" else (Path, "chmod")), full)
        with pytest.raises(MachineError, match="the disk is full"):
            fill(target, "new")
    assert content(target)["a.txt"] == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_kill_between_the_renames_is_put_right(tmp_path: Path) -> None:
    target = tmp_path / "target"
    fill(target, "old")
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from pet_mtl.atomic import new_folder
        rename = Path.rename
        def dies(self, to):
            rename(self, to)
            os.kill(os.getpid(), signal.SIGKILL)
        Path.rename = dies
        with new_folder(Path(sys.argv[1])) as temporary:
            (temporary / "a.txt").write_text("new")
        """
    )
    done = subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    recover_folder(target)
    assert content(target) == {"a.txt": "old", "inner/b.txt": "old"}
    fill(target, "newer")  # what the killed one left is in nobody's way
    assert content(target)["a.txt"] == "newer"


def test_a_reader_between_the_renames_stops_no_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    fill(target, "old")
    rename, reads = Path.rename, iter([recover_folder])

    def read_first(self: Path, to: Path) -> Path:
        if to == target and self.name != ".target.old":
            for read in reads:  # takes the writer for a killed one, once
                read(target)
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", read_first)
    fill(target, "new")
    assert content(target)["a.txt"] == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_new_write_after_such_a_kill_does_not_drop_the_only_copy_early(tmp_path: Path) -> None:
    target, old = tmp_path / "target", tmp_path / ".target.old"
    fill(old, "old")
    with pytest.raises(MachineError), new_folder(target):
        raise OSError(errno.ENOSPC, "full")
    recover_folder(target)
    assert content(target)["a.txt"] == "old"


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target", tmp_path / "link"
    target.mkdir()
    (target / "before").touch()
    link.symlink_to(target)
    with new_folder(link) as folder:
        (folder / "after").touch()
    assert link.is_symlink()
    assert [file.name for file in target.iterdir()] == ["after"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["far", "link"]
    assert [file.name for file in (tmp_path / "far").iterdir()] == ["target"]
    target.rename(tmp_path / "far" / ".target.old")  # a kill between the renames
    recover_folder(link)
    assert (link / "after").is_file()


def test_recover_touches_nothing_where_nothing_is_wrong(tmp_path: Path) -> None:
    recover_folder(tmp_path / "absent")
    assert not list(tmp_path.iterdir())
    fill(tmp_path / "target", "new")
    fill(tmp_path / ".target.old", "old")
    recover_folder(tmp_path / "target")
    assert content(tmp_path / "target")["a.txt"] == "new"


@pytest.mark.parametrize("name", [".", "..", "/", ""])
def test_recover_takes_paths_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    recover_folder(Path(name))


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        fill(tmp_path / "target", "x")
        save = tmp_path / "weights"
        with new_folder(save) as temporary:
            save_file({"x": torch.zeros(2)}, temporary / "model.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o755
    for file in (tmp_path / "target" / "a.txt", save / "model.safetensors"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_the_umask_of_the_process_is_never_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the process's: files that other threads make in between would be open to all."""
    monkeypatch.delattr(os, "umask")
    fill(tmp_path / "target", "x")
    assert {path.name for path in tmp_path.iterdir()} == {"target"}
    assert not any(path.name.startswith(".") for path in (tmp_path / "target").iterdir())


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.ENOSPC, MachineError, "the disk is full"),
        (errno.EDQUOT, MachineError, "the disk is full"),
        (errno.EFBIG, MachineError, "the disk is full"),
        (errno.EIO, MachineError, "cannot write: Input/output error"),
        (errno.EACCES, PetMtlError, "cannot write here: Permission denied"),
        (errno.EROFS, PetMtlError, "cannot write here: Read-only file system"),
        (errno.ENOTDIR, PetMtlError, "cannot write here: Not a directory"),
        (errno.ENOENT, PetMtlError, "cannot write here: No such file or directory"),
        (errno.ENAMETOOLONG, PetMtlError, "cannot write here: File name too long"),
    ],
)
def test_the_systems_refusals(code: int, kind: type[PetMtlError], words: str) -> None:
    with pytest.raises(PetMtlError) as caught, write_errors(Path("some/where")):
        raise OSError(code, os.strerror(code))
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"some/where: {words}")


def test_an_error_of_ours_passes_unchanged() -> None:
    ours = PetMtlError("ours", where="here")
    with pytest.raises(PetMtlError) as caught, write_errors(Path("some/where")):
        raise ours
    assert caught.value is ours


class SafetensorError(Exception):
    """As safetensors has it; it is recognised by its name."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            SafetensorError(
                "Error while serializing: I/O error: No space left on device (os error 28)"
            ),
            "the disk is full",
        ),
        (SafetensorError("I/O error: Disk quota exceeded (os error 122)"), "the disk is full"),
        (
            SafetensorError("I/O error: Input/output error (os error 5)"),
            "cannot write: Input/output error",
        ),
        (Exception("No space left on device (os error 28)"), "the disk is full"),  # tokenizers
        (RuntimeError("I/O error: No space left on device (os error 28)"), "the disk is full"),
    ],
)
def test_errors_of_libraries_that_keep_only_the_text(error: Exception, words: str) -> None:
    with pytest.raises(MachineError) as caught, write_errors(Path("some/where")):
        raise error
    assert str(caught.value).startswith(f"some/where: {words}")


@pytest.mark.parametrize(
    "error", [SafetensorError("no such tensor"), KeyError("x"), ValueError("y")]
)
def test_other_errors_pass_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, write_errors(Path("some/where")):
        raise error
    assert caught.value is error


def test_text_is_replaced_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "deep" / "file.txt"
    write_text(file, "one\r\n新\n")
    assert file.read_bytes() == "one\r\n新\n".encode()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(MachineError, match="the disk is full"):
            write_text(file, "two")
    assert file.read_bytes() == "one\r\n新\n".encode()
    assert [path.name for path in file.parent.iterdir()] == ["file.txt"]


def test_text_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PetMtlError, match="cannot write here") as caught:
        write_text(tmp_path / "file" / "below.txt", "x")
    assert caught.value.exit_code == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("mounting needs root on Linux")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting is not allowed here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("writer", ["text", "safetensors"])
def test_a_real_full_disk(small_disk: Path, writer: str) -> None:
    target = small_disk / "target"
    fill(target, "old")
    with pytest.raises(MachineError, match="the disk is full"), new_folder(target) as temporary:
        if writer == "text":
            (temporary / "a.txt").write_text("x" * (2 << 20))
        else:
            save_file({"x": torch.zeros(1 << 20)}, temporary / "model.safetensors")
    assert content(target)["a.txt"] == "old"
    assert [path.name for path in small_disk.iterdir()] == ["target"]
