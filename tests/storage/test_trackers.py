"""What trackers get: nothing unasked, every number of every record, a clear error without them."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.storage import trackers
from pet_mtl.storage.trackers import PACKAGES, Trackers, scalars


class Fake:
    """A tracker as accelerate has them."""

    made: list["Fake"]

    def __init__(self, project: str, /, **more: Any) -> None:
        self.said: list[Any] = [("made", project, more)]
        self.made.append(self)

    def start(self) -> None:
        self.said.append("started")

    def log(self, values: dict[str, float], step: int) -> None:
        self.said.append((values, step))

    def finish(self) -> None:
        self.said.append("finished")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    made: list[Fake] = []
    for name in PACKAGES:
        directory = LOGGER_TYPE_TO_CLASS[name].requires_logging_directory
        fake = type(name, (Fake,), {"made": made, "requires_logging_directory": directory})
        monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, name, fake)
    monkeypatch.setattr(trackers, "find_spec", lambda name: name)
    return made


def test_none_by_default(tmp_path: Path, made: list[Fake]) -> None:
    none = Trackers((), tmp_path)
    none.write({"step": 1, "rows": 2})
    none.close()
    assert made == []


def test_two_threads_leave_stdout_as_it_was(tmp_path: Path, made: list[Fake]) -> None:
    before, inside, leave = sys.stdout, threading.Event(), threading.Event()

    class Slow(Fake):
        def log(self, values: dict[str, float], step: int) -> None:
            if threading.current_thread() is thread:
                inside.set()
                leave.wait(60)

    thread = threading.Thread(target=lambda: slow.write({"step": 1, "rows": 2}))

    class First(Fake):
        def log(self, values: dict[str, float], step: int) -> None:
            thread.start()
            inside.wait(0.5)  # it comes when it is its turn

    Slow.made = First.made = made
    slow, first = Trackers(("wandb",), tmp_path), Trackers(("wandb",), tmp_path)
    slow._begun, first._begun = {"wandb": Slow("a")}, {"wandb": First("b")}
    first.write({"step": 1, "rows": 2})
    leave.set()
    thread.join(60)
    after, sys.stdout = sys.stdout, before
    assert after is before


def test_every_record_reaches_every_tracker(tmp_path: Path, made: list[Fake]) -> None:
    all_of_them = Trackers(tuple(PACKAGES), tmp_path / "run-1")
    assert made == []  # begun by the first record, not by a run that fails before it
    all_of_them.write({"step": 10, "loss": {"a": 0.5}})
    all_of_them.write({"step": 12, "dev": {"a": {"macro_f1": 0.25}}, "mean_macro_f1": 0.25})
    all_of_them.close()
    all_of_them.close()
    board, trackio, wandb, mlflow = made
    folder = {"logging_dir": str(tmp_path / "run-1"), "purge_step": 10}
    assert board.said[0] == ("made", "tensorboard", folder)
    assert trackio.said[0] == wandb.said[0] == ("made", "pet_mtl", {"name": "run-1"})
    assert mlflow.said[0] == ("made", "pet_mtl", {"run_name": "run-1"})
    for one in made:
        assert one.said[1:] == [
            "started",
            ({"loss/a": 0.5}, 10),
            ({"dev/a/macro_f1": 0.25, "mean_macro_f1": 0.25}, 12),
            "finished",
        ]


@pytest.mark.parametrize("part", ["start", "log", "finish"])
def test_one_that_fails_is_left_out_and_the_run_goes_on(
    tmp_path: Path,
    made: list[Fake],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    part: str,
) -> None:
    """Without a key or a network they raise what they like; no other tracker misses a record."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    def fail(*_: Any, **more: Any) -> None:
        raise ConnectionError("no route\nto host")

    caplog.set_level("INFO", logger="pet_mtl")
    monkeypatch.setattr(LOGGER_TYPE_TO_CLASS["wandb"], part, fail, raising=False)
    both = Trackers(("wandb", "mlflow"), tmp_path)
    for step in (1, 2):
        both.write({"step": step, "rows": step})
    both.close()
    (mlflow,) = (one for one in made if one.said[0][2].keys() == {"run_name"})
    assert mlflow.said[1:] == ["started", ({"rows": 1}, 1), ({"rows": 2}, 2), "finished"]
    assert len(made) == 2
    (line,) = caplog.messages
    assert line.startswith("warning: train.report_to: `wandb` failed and gets no more records: no")


def test_a_missing_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None if name == "wandb" else name)
    with pytest.raises(PetMtlError) as error:
        Trackers(("tensorboard", "wandb"), tmp_path)
    assert str(error.value) == (
        "train.report_to: `wandb` is not installed\n  hint: pip install wandb"
    )


@pytest.mark.parametrize("name", PACKAGES)
def test_real_trackers_take_a_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """With those that are installed and run without network."""
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip(PACKAGES[name], reason="not installed")
    if name == "wandb":
        monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    one = Trackers((name,), tmp_path / "run-1")
    one.write({"step": 1, "loss": {"a": 0.5}})
    one.close()
    assert any(tmp_path.rglob("*"))
    assert capsys.readouterr().out == ""


def test_a_task_named_step_keeps_its_loss() -> None:
    assert scalars({"step": 3, "loss": {"step": 1.0}}) == {"loss/step": 1.0}
