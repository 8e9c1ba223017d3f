import hashlib
import os
import time
from pathlib import Path

import pytest

from pet_mtl.storage import digests


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose contents were hashed."""
    seen: list[str] = []
    real = hashlib.file_digest

    def count(handle: object, name: str) -> object:
        seen.append(Path(handle.name).name)  # type: ignore[attr-defined]
        return real(handle, name)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "file_digest", count)
    monkeypatch.setattr(digests, "_KNOWN", {})
    return seen


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, reads: list[str]) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    time.sleep(2 * digests._YOUNG)
    for _ in range(3):
        assert digests.file_digest(file) == digest(b"one")
    assert reads == ["a"]
    moved = file.rename(tmp_path / "b")
    stamp = moved.stat()
    moved.write_bytes(b"two")  # as long, and its time of writing set back
    os.utime(moved, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert digests.file_digest(moved) == digest(b"two")


def test_a_young_file_is_read_each_time(tmp_path: Path, reads: list[str]) -> None:
    file = tmp_path / "a"
    for content in (b"one", b"two", b"six"):
        file.write_bytes(content)
        assert digests.file_digest(file) == digest(content)
    assert reads == ["a"] * 3


def test_what_is_known_is_bounded(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_MOST_KNOWN", 2)
    monkeypatch.setattr(digests, "_YOUNG", -1.0)
    for name in "abc":
        (tmp_path / name).write_text(name)
        digests.file_digest(tmp_path / name)
    assert len(digests._KNOWN) <= 2
    digests.file_digest(tmp_path / "c")
    digests.file_digest(tmp_path / "a")
    assert reads == ["a", "b", "c", "a"]
