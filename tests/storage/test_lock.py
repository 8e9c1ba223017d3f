"""One holder at a time, also when the lock file was removed meanwhile, and where the file system
has no locks."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from pet_mtl.storage import lock
from pet_mtl.storage.lock import lock_file


def refuse_with(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(file: object, how: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first = lock_file(tmp_path / ".lock")
    assert first is not None
    assert lock_file(tmp_path / ".lock") is None
    first.close()
    with lock_file(tmp_path / ".lock") as again:  # type: ignore[union-attr]
        assert not again.closed


def test_a_file_that_its_last_holder_removed_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, calls = tmp_path / ".lock", fcntl.flock, []

    def flock(file: int, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            path.unlink()
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with lock_file(path, wait=True) as held:  # type: ignore[union-attr]
        assert os.path.samestat(os.fstat(held.fileno()), path.stat())
    assert calls == [fcntl.LOCK_EX] * 2


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_locks_everyone_gets_it_with_a_warning(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse_with(code, monkeypatch)
    lock._warn.cache_clear()
    files = [lock_file(tmp_path / ".lock") for _ in range(2)]
    for file in files:
        assert file is not None
        file.close()
    assert capsys.readouterr().err.count("no locks on this file system") == 1


def test_other_errors_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_with(errno.EIO, monkeypatch)
    with pytest.raises(
        OSError, match="Input/output error"
    ):  # an open file would be a warning, which is an error here
        lock_file(tmp_path / ".lock")
