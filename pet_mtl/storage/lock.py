"""Lock files, by which one process at a time works in a folder; the system frees them when a
process dies."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TextIO

from pet_mtl.atomic import link_target, write_errors
from pet_mtl.console import say

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextmanager
def held(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock file, removed at the end; give False where another process holds it and `wait` is
    off.

    Raises:
        PetMtlError: it cannot be written.
    """
    with write_errors(path.parent):
        link_target(path.parent).mkdir(parents=True, exist_ok=True)
        file = lock_file(path, wait=wait)
    if file is None:
        yield False
        return
    with file:
        try:
            yield True
        finally:
            with suppress(OSError):
                path.unlink()


def lock_file(path: Path, *, wait: bool = False) -> TextIO | None:
    """Return the open lock file at `path`, held until it is closed, or None where another process
    holds it.

    Whoever holds it may remove it. Where there are no locks (Windows, some network folders)
    everyone gets it.

    Args:
        wait: wait for another process instead.
    """
    while True:
        with ExitStack() as opened:
            # not "w": another process' number may stand in it
            file = opened.enter_context(path.open("a", encoding="utf-8"))
            if not _lock(file, wait):
                return None
            with suppress(FileNotFoundError):  # its last holder removed it before we had it
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    opened.pop_all()
                    return file


def _lock(file: TextIO, wait: bool) -> bool:
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _warn(str(Path(file.name).parent))
    return True


@cache
def _warn(folder: str) -> None:
    say(f"warning: {folder}: no locks on this file system, so let one process at a time work here")
