"""What becomes of a stopped run in a folder of runs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from stopped_runs import stop_at_step

from pet_mtl.errors import PetMtlError
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.taken_up import take_up
from pet_mtl.suite.suite import Suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]


@pytest.fixture
def stopped(make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    stop_at_step(monkeypatch)(3)
    with pytest.raises(Interrupted):
        train(make_suite(max_steps=4, evaluate_every=2), tmp_path / "run")
    return tmp_path / "run"


def test_a_stopped_run_goes_on(stopped: Path) -> None:
    assert take_up(stopped)
    (stopped / "last").rename(stopped / ".last.old")  # killed between two renames
    assert take_up(stopped)
    assert (stopped / "last").is_dir()


def test_a_run_without_a_state_begins_anew(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert not take_up(run)
    run.mkdir()
    (run / "metrics.jsonl").write_text("{}")
    assert not take_up(run)
    assert not run.exists()


@pytest.mark.parametrize(
    "file",
    [
        "last/model.safetensors",
        "last/optimizer.safetensors",
        "last/training.json",
        "last/pet_mtl.json",
        "checkpoint/model.safetensors",
    ],
)
def test_a_damaged_one_begins_anew_and_that_is_said(
    stopped: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (stopped / file).read_bytes()
    (stopped / file).write_bytes(content[: len(content) // 2])
    assert not take_up(stopped)
    assert not stopped.exists()
    said = capsys.readouterr().err
    assert f"warning: {stopped / file}: " in said
    assert "damaged" in said
    assert "this run begins anew" in said


def _remove_manifest(run: Path, folder: str) -> None:
    (run / folder / "pet_mtl.json").unlink()


def _empty(run: Path, folder: str) -> None:
    shutil.rmtree(run / folder)
    (run / folder).mkdir()


def _remove(run: Path, folder: str) -> None:
    shutil.rmtree(run / folder)


def _make_a_file(run: Path, folder: str) -> None:
    shutil.rmtree(run / folder)
    (run / folder).write_text("")


@pytest.mark.parametrize(
    ("damage", "folder"),
    [
        (_remove_manifest, "last"),
        (_empty, "last"),
        (_make_a_file, "last"),
        (_remove, "checkpoint"),
        (_remove_manifest, "checkpoint"),
    ],
)
def test_so_does_one_that_lacks_files(
    stopped: Path, damage: Callable[[Path, str], None], folder: str
) -> None:
    damage(stopped, folder)
    assert not take_up(stopped)
    assert not stopped.exists()


def test_what_a_newer_version_wrote_is_left(stopped: Path) -> None:
    file = stopped / "last" / "pet_mtl.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(manifest | {"format_version": 99}), encoding="utf-8")
    with pytest.raises(PetMtlError, match="update pet-mtl"):
        take_up(stopped)
    assert stopped.exists()
