import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pet_mtl.words.watch import saved, stamp, stamps


class OverError(Exception):
    pass


def run(files: list[Path], steps: list[Callable[[], object]]) -> list[str]:
    """Return what is yielded while the steps are taken, one a sleep."""
    todo = iter(steps)

    def sleep(seconds: float) -> None:
        assert 0 < seconds < 1
        step = next(todo, None)
        if step is None:
            raise OverError
        step()

    found = []
    with pytest.raises(OverError):
        for file in saved(stamps(files), sleep):
            found.append(file.read_text())
    return found


def nothing() -> None:
    pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("one")
    return path


def test_nothing_is_saved(file: Path) -> None:
    assert run([file], [nothing] * 5) == []


def test_written_in_place(file: Path) -> None:
    assert run(
        [file],
        [
            lambda: file.write_text("two!"),
            nothing,
            nothing,
            lambda: file.write_text("three"),
            nothing,
        ],
    ) == [
        "two!",
        "three",
    ]


def test_written_beside_and_renamed(file: Path) -> None:
    other = file.with_suffix(".swp")
    other.write_text("two")
    os.utime(
        other, ns=(file.stat().st_mtime_ns,) * 2
    )  # same size, same time: another file all the same
    assert run([file], [lambda: other.replace(file), nothing, nothing]) == ["two"]


def test_away_for_a_moment(file: Path) -> None:
    backup = file.with_suffix(".bak")
    assert run(
        [file],
        [lambda: file.rename(backup), nothing, lambda: file.write_text("new"), nothing, nothing],
    ) == ["new"]


def test_still_being_written(file: Path) -> None:
    parts = ["a", "ab", "abc"]
    steps: list[Callable[[], object]] = [lambda part=part: file.write_text(part) for part in parts]  # type: ignore[misc]
    assert run([file], [*steps, nothing, nothing, nothing]) == ["abc"]


def test_several_files(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"  # not there yet

    def both() -> None:
        other.write_text("second")
        file.write_text("first")

    assert run([file, other], [both, nothing, nothing, nothing]) == ["first", "second"]


def test_stamp_of_no_file(tmp_path: Path) -> None:
    assert stamp(tmp_path / "none") is None
