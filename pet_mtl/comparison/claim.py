"""Folders that one process works in at a time: a comparison, and each of its cells."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from pet_mtl.atomic import write_errors

_LOCK = ".lock"


@contextmanager
def claim(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a folder, made where it is missing; give False where another process holds it and `wait` is off.

    The system frees the lock of a process that dies. Without locks (Windows) every claim is granted.

    Raises:
        PetMtlError: it cannot be written.
    """
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = _lock(folder / _LOCK, wait)
    if file is None:
        yield False
        return
    with file:
        try:
            yield True
        finally:
            with suppress(OSError):
                (folder / _LOCK).unlink()


def _lock(path: Path, wait: bool) -> TextIO | None:
    try:
        import fcntl
    except ImportError:
        return path.open("a")
    while True:
        file = path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.close()
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # its last holder removed it while we waited
