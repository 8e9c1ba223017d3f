"""Folders that one process works in at a time: a comparison, and each of its cells."""

from contextlib import AbstractContextManager
from pathlib import Path

from pet_mtl.storage.lock import held


def claim(folder: Path, *, wait: bool = False) -> AbstractContextManager[bool]:
    """Hold a folder, made where it is missing; give False where another process holds it and `wait`
    is off."""
    return held(folder / ".lock", wait=wait)
