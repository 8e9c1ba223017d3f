"""Files that are written at once: by threads, when stopped, with their permissions, through links.
Folders that are refused before any work."""

import errno
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from pet_mtl import atomic
from pet_mtl.atomic import (
    new_file,
    new_folder,
    require_folder,
    require_new_folder,
    write_bytes,
    write_text,
)
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.leftovers import sweep


def test_threads_that_write_one_file_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All have written before the first one renames."""
    file, contents = tmp_path / "file", [bytes([number]) * 100_000 for number in range(4)]
    written, sync = threading.Barrier(len(contents)), atomic._sync

    def meet(temporary: Path) -> None:
        written.wait(20)
        sync(temporary)

    monkeypatch.setattr(atomic, "_sync", meet)
    with ThreadPoolExecutor(len(contents)) as threads:
        list(threads.map(lambda content: write_bytes(file, content), contents))
    assert file.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_a_file_that_is_stopped_at_any_point_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def stop(*_: object) -> None:
        raise error

    for owner, name in ((os, "fsync"), (Path, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, stop)
            with pytest.raises((RunError, KeyboardInterrupt)):
                write_bytes(file, b"new")
        assert (list(tmp_path.iterdir()), file.read_bytes()) == ([file], b"old")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
def test_a_file_that_is_replaced_keeps_its_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    file, before = tmp_path / "file", os.umask(0o022)
    seen, sync = [], atomic._sync

    def look(temporary: Path) -> None:
        seen.append(stat.S_IMODE(temporary.stat().st_mode))
        sync(temporary)

    monkeypatch.setattr(atomic, "_sync", look)
    try:
        write_text(file, "new")
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        file.chmod(mode)
        write_text(file, "newer")
        with new_file(tmp_path / "made") as made:
            made.write(b"x")
    finally:
        os.umask(before)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("newer", mode)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o644
    assert seen == [0o644, 0o600, 0o644]  # at no time may others read what was not for them


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path, there: bool) -> None:
    (tmp_path / "other").mkdir()
    file, link = tmp_path / "other" / "file", tmp_path / "link"
    (tmp_path / "between").symlink_to(Path("other") / "file")
    link.symlink_to("between")
    if there:
        file.write_text("old")
        file.chmod(0o600)
    write_text(link, "new")
    assert (link.is_symlink(), (tmp_path / "between").is_symlink()) == (True, True)
    assert (file.is_symlink(), file.read_text()) == (False, "new")
    assert (stat.S_IMODE(file.stat().st_mode) == 0o600) == there
    assert {path.name for path in tmp_path.rglob("*")} == {"other", "file", "link", "between"}
    (tmp_path / "other" / ".file.0a1b2c3d.new").write_text("left by a dead writer")
    sweep(link)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("leads_to", "said"),
    [("link", "its links lead in a circle"), ("none/file", "it is a link into `.*none`")],
)
def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, leads_to: str, said: str) -> None:
    link = tmp_path / "link"
    link.symlink_to(leads_to)
    for write in (partial(write_text, text="new"), require_folder):
        with pytest.raises(PetMtlError, match=said) as caught:
            write(link)
        assert (caught.value.exit_code, caught.value.problems[0].where) == (2, str(link))
    assert list(tmp_path.iterdir()) == [link]
    assert str(link.readlink()) == leads_to


@pytest.mark.parametrize("name", [".", "../here", "{here}"])
def test_the_working_directory_is_refused_before_any_work(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises(PetMtlError, match="the working directory"):
        require_new_folder(Path(name.format(here=here)))
    require_new_folder(Path("out"))


def test_what_another_command_wrote_meanwhile_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        pytest.raises(PetMtlError, match="the output folder is not empty"),
        new_folder(out, replace=False) as folder,
    ):
        (folder / "mine").write_text("1")
        out.mkdir()
        (out / "theirs").write_text("2")
    assert [file.name for file in tmp_path.rglob("*")] == ["out", "theirs"]
    with pytest.raises(PetMtlError), new_folder(out, replace=False):
        raise AssertionError("nothing may be worked out for it")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("linked", [False, True])
def test_no_file_takes_the_place_of_a_pipe_or_a_device(tmp_path: Path, linked: bool) -> None:
    pipe, path = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    path.symlink_to(pipe)
    with pytest.raises(PetMtlError, match="a device or a pipe"):
        write_text(path if linked else pipe, "text")
    assert pipe.is_fifo()
    assert sorted(tmp_path.iterdir()) == [path, pipe]
