"""Output folders that cannot be written, are in use, or on a full disk."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pet_mtl.atomic
import pet_mtl.training.inputs
from pet_mtl.scoring.loaded import LoadedModel

Refuse = Callable[..., str]
IMPOSSIBLE = {
    "a file": ("file", "file: this is a file, not a folder"),
    "below a file": ("file/out", "file: this is a file, not a folder"),
    "not allowed": ("/proc/out", "/proc/out: cannot write here"),
    "too long": ("o" * 300, "cannot write here: File name too long"),
}


@pytest.mark.parametrize(("out", "words"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_train_refuses_before_it_reads(
    refuse: Refuse, suite: Path, monkeypatch: pytest.MonkeyPatch, out: str, words: str
) -> None:
    monkeypatch.delattr(pet_mtl.training.inputs, "load_suite_data")
    Path("file").write_text("mine")
    found = refuse("train", "--patterns", suite, "--out", out)
    assert words in found
    assert "hint: choose another folder with `--out DIR`" in found


@pytest.mark.parametrize(("out", "words"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_predict_refuses_before_it_scores(
    refuse: Refuse, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, out: str, words: str
) -> None:
    monkeypatch.delattr(LoadedModel, "raw_log_probs")
    Path("file").write_text("mine")
    Path("rows.tsv").write_text("1\t好\tnews\n", encoding="utf-8")
    found = refuse("predict", checkpoint, "--data", "topic=rows.tsv", "--out", out)
    assert words in found
    assert "hint: choose another folder with `--out DIR`" in found


def test_predict_keeps_its_input(refuse: Refuse, checkpoint: Path) -> None:
    Path("topic.csv").write_text("1\t好\tnews\n", encoding="utf-8")
    found = refuse(
        "predict", checkpoint, "--data", "topic=topic.csv", "--out", ".", "--format", "csv"
    )
    assert "topic.csv: the predictions would replace this input file" in found


def test_a_finished_run_stays(refuse: Refuse, suite: Path, trained: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    found = refuse("train", "--patterns", suite, "--out", trained)
    assert "already holds a run" in found
    assert "`--resume`" in found
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


@pytest.mark.parametrize("held", ["nothing", "a folder"])
def test_no_run_to_resume(refuse: Refuse, suite: Path, held: str) -> None:
    if held == "a folder":
        Path("out").mkdir()
    assert "out: there is no run to resume" in refuse("train", "--resume", "--out", "out")
    assert "out: there is no run to resume" in refuse(
        "train", "--resume", "--out", "out", "--patterns", suite
    )


def test_resume_alone_takes_no_settings(refuse: Refuse, trained: Path) -> None:
    found = refuse("train", "--resume", "--out", trained, "-s", "train.epochs=3")
    assert "goes on with the stored settings" in found
    assert "hint: leave the other options out" in found


def test_a_folder_in_use(refuse: Refuse, suite: Path) -> None:
    code = """
import fcntl, sys
file = open("out/.lock", "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
    Path("out").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        found = refuse("train", "--patterns", suite, "--out", "out")
        assert "out: another run is using the folder" in found
        assert "hint: wait for it" in found
        holder.communicate(timeout=60)


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_in_training(
    call: Callable[..., Any], suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("train", "--patterns", suite, "--out", "out", "-s", "train.evaluate_every=1")
    sync, left = (
        pet_mtl.atomic._sync,
        [23],
    )  # some files of the second step's save are still written

    def fill_up(file: Path) -> None:
        left[0] -= 1
        if not left[0]:
            full()
        sync(file)

    monkeypatch.setattr(pet_mtl.atomic, "_sync", fill_up)
    ran = call(*options)
    assert (ran.code, ran.out) == (1, ""), ran.err
    assert "error: out/" in ran.err
    assert "the disk is full" in ran.err
    assert "hint: free some space; what was saved before is unharmed" in ran.err
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "checkpoint",
        "last",
        "metrics.jsonl",
    ]
    monkeypatch.setattr(pet_mtl.atomic, "_sync", sync)
    assert call("score", "out/checkpoint").code == 0
    resumed = call("train", "--resume", "--out", "out")
    assert resumed.code == 0, resumed.err


def test_a_full_disk_in_prediction(
    call: Callable[..., Any], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rows.tsv").write_text("1\t好\tnews\n", encoding="utf-8")
    Path("out").mkdir()
    Path("out/topic.jsonl").write_text("earlier\n")
    monkeypatch.setattr(pet_mtl.atomic, "_sync", full)
    ran = call("predict", checkpoint, "--data", "topic=rows.tsv", "--out", "out")
    assert (ran.code, ran.out) == (1, "")
    assert "out/topic.jsonl: the disk is full" in ran.err
    assert [(path.name, path.read_text()) for path in Path("out").iterdir()] == [
        ("topic.jsonl", "earlier\n")
    ]
