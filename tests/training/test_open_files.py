"""Folders are renamed while nothing in them is open or mapped, which Windows would refuse."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from stopped_runs import stop_at_step

from pet_mtl import leftovers
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.suite.suite import Suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")


def in_use(folder: Path) -> Iterator[str]:
    """Yield the files below a folder that this process has open or mapped."""
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        if f" {folder}/" in line:
            yield line.split()[-1]
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if link.readlink().is_relative_to(folder):
                yield str(link.readlink())


@pytest.fixture
def renamed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Return the renames to come: to what, and what of both was in use."""
    found: list[tuple[str, list[str]]] = []

    def watched(act: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def rename(self: Path, target: Path) -> Path:
            found.append((Path(target).name, [*in_use(self), *in_use(Path(target))]))
            return act(self, target)

        return rename

    monkeypatch.setattr(Path, "rename", watched(Path.rename))
    monkeypatch.setattr(Path, "replace", watched(Path.replace))
    return found


def test_what_is_in_use_is_seen(tmp_path: Path, renamed: list[tuple[str, list[str]]]) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    save_file({"x": torch.zeros(9)}, folder / "x.safetensors")
    with safe_open(folder / "x.safetensors", "pt"), (folder / "y").open("w", encoding="utf-8"):
        folder.rename(tmp_path / "b")
    assert {Path(name).name for name in renamed[0][1]} == {"x.safetensors", "y"}


@pytest.mark.parametrize("settings", [{}, {"ema": 0.9}])
def test_a_run_that_goes_on_renames_nothing_that_is_in_use(
    make_suite: Callable[..., Suite],
    tmp_path: Path,
    renamed: list[tuple[str, list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, object],
) -> None:
    monkeypatch.setattr(leftovers, "_lock", lambda made, *, wait: None)  # Windows has no such locks
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    stop_at, suite = (
        stop_at_step(monkeypatch),
        make_suite(max_steps=8, evaluate_every=2, **settings),
    )
    stop_at(5)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    train(suite, tmp_path / "run", resume=True)
    assert {"last", ".last.old", "checkpoint"} <= {name for name, _ in renamed}
    assert [(name, files) for name, files in renamed if files] == []
