"""Wait for files to be saved, by looking at them: editors write in place, or write another file and
rename it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

Stamp = tuple[int, int, int]
EVERY = 0.2  # seconds


def stamp(file: Path) -> Stamp | None:
    """Return what changes when a file is saved: time, size and identity; None while there is no
    file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def stamps(files: Iterable[Path]) -> dict[Path, Stamp | None]:
    """Return the stamp of each file."""
    return {file: stamp(file) for file in files}


def saved(
    known: Mapping[Path, Stamp | None], sleep: Callable[[float], None] = time.sleep
) -> Iterator[Path]:
    """Yield a file each time it was saved, for ever; one that is away for a moment is waited for.

    Args:
        known: the files and their last known stamps.
    """
    known = dict(known)
    while True:
        sleep(EVERY)
        for file, before in known.items():
            now = stamp(file)
            if now is None or now == before:
                continue
            sleep(EVERY / 4)
            if stamp(file) != now:  # it is still being written: next time
                continue
            known[file] = now
            yield file
