"""What Windows does otherwise: paths with drives and backslashes, modules and calls that it lacks,
consoles that are not UTF-8."""

import os
import sys
from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
import torch

from pet_mtl import console
from pet_mtl.cli import options
from pet_mtl.hub_names import is_hub_name
from pet_mtl.model.hardware import Machine
from pet_mtl.proposal import propose
from pet_mtl.report.places import short_model, short_place
from pet_mtl.storage.lock import held


@pytest.mark.parametrize(
    "path",
    [
        PureWindowsPath("C:/models/bert"),
        PureWindowsPath("C:models"),
        PureWindowsPath("models", "bert"),
        PureWindowsPath(r"\\server\share\bert"),
        PureWindowsPath("..", "bert"),
    ],
)
def test_no_path_of_windows_is_taken_for_a_model_of_the_hub(path: PureWindowsPath) -> None:
    assert not is_hub_name(str(path))


def test_a_drive_is_no_part_of_the_tasks_name() -> None:
    path = r"C:\data=old\rows.csv"
    assert options.by_task("--data", [f"news={path}"]) == {"news": path}


def test_a_pattern_file_in_a_folder_needs_no_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sep", "\\")
    assert options.pattern_file("mine\\default") == Path("mine\\default")
    assert options.pattern_file("default").is_file()


def test_data_on_another_drive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def relpath(path: object, start: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", relpath)
    data = tmp_path / "rows.csv"
    assert propose._relative(data, tmp_path / "out") == str(data)


def test_paths_in_files_have_slashes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Windows(PureWindowsPath):
        def resolve(self) -> "Windows":
            return self

    monkeypatch.setattr(propose, "Path", PureWindowsPath)
    monkeypatch.setattr(os.path, "relpath", lambda path, start: r"..\in\rows.csv")
    assert propose._relative(Windows("C:/in/rows.csv"), Windows("C:/out")) == "../in/rows.csv"  # type: ignore[arg-type]


def test_locks_are_everyones_where_there_are_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with held(tmp_path / ".lock") as one, held(tmp_path / ".lock") as other:
        assert one
        assert other


def test_memory_that_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine.choose(device=torch.device("cpu"))
    assert machine.peak_memory_gb() > 0
    monkeypatch.setitem(sys.modules, "resource", None)
    assert machine.peak_memory_gb() == 0


def test_several_processes_cannot_serve_there(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
    monkeypatch.delattr(os, "fork")
    ran = call("serve", tmp_path, "--workers", "2")
    assert ran.code == 2
    assert ran.err.startswith("error: --workers: 2 processes cannot share one socket on Windows")


def test_reports_show_no_folders_above() -> None:
    assert short_place(str(PureWindowsPath("C:/work/rows.csv")) + ":3") == "rows.csv:3"
    assert short_model(str(PureWindowsPath("C:/runs/first/checkpoint"))) == "first/checkpoint"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("cp936", "财经".encode("cp936")), ("cp1252", rb"\u8d22\u7ecf")]
)
def test_consoles_take_any_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str, shown: bytes
) -> None:
    file = tmp_path / "out"
    with file.open("w", encoding=encoding) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        console.prepare_streams()
        console.put("财经 ─ 😀")
        console.put_json({"词": "财经"})
    text, json_line = file.read_bytes().splitlines()
    assert text.startswith(shown)
    assert json_line == rb'{"\u8bcd": "\u8d22\u7ecf"}'
