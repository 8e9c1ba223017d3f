"""SHA-256 sums of the files of a folder: they find damage, they are no signature."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from pet_mtl.errors import DamagedError
from pet_mtl.storage.checked_json import read_bounded

DIGESTS = "sha256.json"
_REMAKE = "train again, or copy the folder again from where it is whole"


_Version = tuple[int, ...]
_KNOWN: dict[_Version, str] = {}  # sums by file and version
_MOST_KNOWN = 256
_YOUNG = 0.1  # seconds: a file may change again within a tick of the clock that its stamp shows


def file_digest(file: Path) -> str:
    """Return a file's SHA-256 sum; a file that has not changed since is not read again."""
    with file.open("rb") as handle:
        version = _version(handle)
        known = _KNOWN.get(version)
        if known is not None:
            return known
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
        same = _version(handle) == version
    if same and time.time() - version[-1] / 1e9 > _YOUNG:
        if len(_KNOWN) >= _MOST_KNOWN:  # all at once: no thread ever iterates over it
            _KNOWN.clear()
        _KNOWN[version] = digest
    return digest


def _version(handle: BinaryIO) -> _Version:
    """Return what tells one content of one file from another: the change time cannot be set by
    hand, as the time of the last write can."""
    stat = os.fstat(handle.fileno())
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def check_files(folder: Path, digests: Mapping[str, str]) -> None:
    """Check files against their sums.

    Raises:
        DamagedError: a file is missing or damaged.
        ValueError, TypeError, AttributeError: `digests` are none, or name files elsewhere.
    """
    for name, digest in digests.items():
        if Path(name).name != name or not isinstance(digest, str):  # a path out of the folder
            raise ValueError(name)
        file = folder / name
        if not file.is_file():
            raise DamagedError(f"the checkpoint lacks `{name}`", where=str(folder), hint=_REMAKE)
        if file_digest(file) != digest:
            raise DamagedError("the file is damaged or cut short", where=str(file), hint=_REMAKE)


def write_digests(folder: Path) -> None:
    """Write `sha256.json`, the sums of all files of a folder."""
    digests = {file.name: file_digest(file) for file in sorted(folder.iterdir()) if file.is_file()}
    (folder / DIGESTS).write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")


def is_whole(folder: Path) -> bool:
    """Say whether a folder has sums and its files are as they say."""
    try:
        check_files(folder, json.loads(read_bounded(folder / DIGESTS)))
    except (DamagedError, OSError, ValueError, TypeError, AttributeError, RecursionError):
        return False
    return True
