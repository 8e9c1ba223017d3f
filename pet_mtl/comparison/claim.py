"""Folders that one process works in at a time: a comparison, and each of its cells."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pet_mtl.atomic import write_errors
from pet_mtl.training.lock import lock_file

_LOCK = ".lock"


@contextmanager
def claim(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a folder, made where it is missing; give False where another process holds it and `wait` is off.

    The lock of a process that dies is free again. Where there are no locks every claim is granted; see `lock_file`.

    Raises:
        PetMtlError: it cannot be written.
    """
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = lock_file(folder / _LOCK, wait=wait)
    if file is None:
        yield False
        return
    with file:
        try:
            yield True
        finally:
            with suppress(OSError):
                (folder / _LOCK).unlink()
