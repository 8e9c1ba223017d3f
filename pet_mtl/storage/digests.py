"""SHA-256 sums of the files of a folder: they find damage, they are no signature."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.checked_json import read_bounded

DIGESTS = "sha256.json"
_REMAKE = "train again, or copy the folder again from where it is whole"


def file_digest(file: Path) -> str:
    """Return a file's SHA-256 sum."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_files(folder: Path, digests: Mapping[str, str]) -> None:
    """Check files against their sums.

    Raises:
        PetMtlError: a file is missing or damaged.
        ValueError, TypeError, AttributeError: `digests` are none, or name files elsewhere.
    """
    for name, digest in digests.items():
        if Path(name).name != name or not isinstance(digest, str):  # a path out of the folder
            raise ValueError(name)
        file = folder / name
        if not file.is_file():
            raise PetMtlError((f"the checkpoint lacks `{name}`"), where=str(folder), hint=_REMAKE)
        if file_digest(file) != digest:
            raise PetMtlError(("the file is damaged or cut short"), where=str(file), hint=_REMAKE)


def write_digests(folder: Path) -> None:
    """Write `sha256.json`, the sums of all files of a folder."""
    digests = {file.name: file_digest(file) for file in sorted(folder.iterdir()) if file.is_file()}
    (folder / DIGESTS).write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")


def is_whole(folder: Path) -> bool:
    """Say whether a folder has sums and its files are as they say."""
    try:
        check_files(folder, json.loads(read_bounded(folder / DIGESTS)))
    except (PetMtlError, OSError, ValueError, TypeError, AttributeError, RecursionError):
        return False
    return True
