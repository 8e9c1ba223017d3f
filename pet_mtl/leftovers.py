"""What writers of files and folders have beside them before it has its name, and the removal of
what killed ones left there."""

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from pet_mtl.paths import behind_link

_UNFINISHED = r"[a-z0-9_]{8}\.new"
_SET_ASIDE = "old"


@contextlib.contextmanager
def unfinished(path: Path, make: Callable[[Path], object]) -> Iterator[Path]:
    """Give a new file or folder beside `path`, which `sweep` and `drop_dead` leave alone. What has
    not been renamed at the end is removed.

    Args:
        make: makes it where it is told to.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.new")
        make(new)
        lock = _lock(new, wait=True)
        if new.exists():
            break
        _let_go(lock)  # another writer took it for a dead one's before it was held
    try:
        yield new
    finally:
        _remove(new)
        _let_go(lock)


def set_aside(path: Path) -> Path:
    """Return where a folder stands while another takes its place."""
    return path.with_name(f".{path.name}.{_SET_ASIDE}")


def drop_dead(path: Path) -> None:
    """Remove what killed writers of a file or folder left beside it, where there are locks."""
    with contextlib.suppress(OSError):
        for left in _beside(path, _UNFINISHED):
            if (lock := _lock(left, wait=False)) is not None:
                _remove(left)
                _let_go(lock)


def sweep(path: Path) -> None:
    """Remove what killed writers left beside a file or folder; nobody may be writing the folder
    now, and it must have been recovered. Files that others are writing are left, as are other
    programs', such as `.NAME.swp` of an editor."""
    path = behind_link(path)
    drop_dead(path)
    with contextlib.suppress(OSError):
        for left in _beside(path, rf"{_UNFINISHED}|{_SET_ASIDE}"):
            if left.is_dir() and not left.is_symlink():
                _remove(left)


def _beside(path: Path, names: str) -> list[Path]:
    """Return what lies beside `path` under its own hidden names."""
    own = re.compile(rf"\.{re.escape(path.name)}\.(?:{names})")
    return [each for each in path.parent.iterdir() if own.fullmatch(each.name)]


def _remove(left: Path) -> None:
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            left.unlink()


def _lock(made: Path, *, wait: bool) -> int | None:
    """Return a descriptor that holds a file or folder until it is closed; None where another does,
    where it has gone, and where there are no locks (Windows, some network folders)."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        # network folders lock only files that are open for writing
        opened = os.open(made, os.O_RDONLY if made.is_dir() else os.O_RDWR)
        with contextlib.suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return opened
        os.close(opened)
    return None


def _let_go(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
