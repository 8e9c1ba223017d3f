"""`pet-mtl distill` from the command line."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def test_distill(call: Call, suite: Path) -> None:
    wanted = ["distill", "--patterns", suite, "--folds", "2", "--out", "out"]
    ran = call(*wanted, "-s", "train.max_steps=1", "--json")
    assert ran.code == 0, ran.err
    assert [(one["stage"], one["models"]) for one in ran.json["stages"]] == [
        ("labels alone", 1),
        ("teachers", 4),
        ("teachers together", 4),
        ("student", 1),
    ]
    assert ran.json["students"] == ["out/students/all/checkpoint"]
    again = call(*wanted, "-s", "train.max_steps=1")
    assert again.code == 0
    assert "training:" not in again.err
    for word in ("What each stage brought", "labels alone", "student", "topic", "pair"):
        assert word in again.out
    changed = call(*wanted, "-s", "train.max_steps=2")
    assert changed.code == 2
    assert "another distillation" in changed.err
    scored = call("score", "out/students/all/checkpoint", "--json")
    assert scored.code == 0


def test_a_stopped_distillation_says_how_to_go_on(
    call: Call, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pet_mtl.storage.outputs import RunFolder

    def log(self: RunFolder, record: dict[str, Any]) -> None:
        if record["step"] == 1 and "loss" in record:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(RunFolder, "log", log)
    stopped = call("distill", "--patterns", suite, "--out", "my out", "-s", "train.max_steps=3")
    error, hint = stopped.err.splitlines()[-2:]
    assert error == "error: stopped after step 2 of 3; the state is saved"
    assert hint == "  hint: the same command with `--out 'my out'` goes on"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "both"], "--from: must be `single` or `multi`, found `both`"),
        (["--growth", "1"], "--growth: must be above 1"),
        (["--growth", "inf"], "--growth: must be above 1 and below 1e6, found `inf`"),
        (["--folds", "31"], "too few for 31 folds"),
        (["--seeds", "0"], "there is no teacher"),
        (["--generations", "1", "--seeds", "2"], "no task has any"),
        (["--teacher", "nowhere"], "--teacher nowhere|no pet-mtl checkpoint|nowhere"),
        (["--tasks", "topc"], "no task `topc`"),
        (["--teacher-tasks", "topics"], "error: --teacher-tasks topics: no task `topics`"),
        (
            ["--tasks", "pair", "--teacher-tasks", "topic"],
            "error: --teacher-tasks: no student has the task `topic`",
        ),
        (["--teacher-tasks", "topic", "--seeds", "0"], "--teacher-tasks: does nothing"),
        (["--teacher-tasks", ""], "error: --teacher-tasks : no task ``"),
        (["--teacher-model", ""], "error: --teacher-model : `model` must be text"),
        (["--teacher-model", "nope"], "error: --teacher-model: there is no model `nope`"),
        (["--teacher-method", ""], "error: --teacher-method : there is no method"),
        (["--teacher-set", "train.ema=2"], "error: --teacher-set train.ema=2: `train.ema` must be"),
        (["--teacher-method", "none"], "error: --teacher-method none: there is no method"),
        (["--teacher-set", 'tasks.pair.verbalizer={"0": 好, "2": 坏}'], "other labels than"),
        (
            ["--teacher-set", "tasks.pair.data.train=topic.train.tsv"],
            "--teacher-set: teachers of `pair` read the rows of its students, with their `data`",
        ),
        (
            ["--teacher-set", "tasks.topic.columns={title: 0, label: 2}"],
            "--teacher-set: teachers of `topic` read the rows of its students, with their `columns`",
        ),
        (
            ["--teacher-set", "data_root=rows"],
            "read the rows of the students, with their `data_root`",
        ),
    ],
)
def test_wrong_usage(
    refuse: Callable[..., str], suite: Path, arguments: list[str], words: str
) -> None:
    told = refuse("distill", "--patterns", suite, "--out", "out", *arguments)
    assert any(word in told for word in words.split("|")), told


def test_patterns_of_teachers_are_several(call: Call, suite: Path) -> None:
    command = ["distill", "--patterns", suite, "--tasks", "topic", "--by-pattern", "--folds", "31"]
    told = "warning: `--by-pattern` does nothing: each task has one pattern"
    assert told in call(*command, "--out", "out").err
    two = 'tasks.topic.patterns=["{mask}。{title}", "{title}。{mask}"]'
    assert told not in call(*command, "--out", "out", "--teacher-set", two).err


def test_options_of_teachers_that_are_not_trained_are_told(
    call: Call, suite: Path, trained: Path
) -> None:
    given = ["--teacher", trained / "checkpoint", "--no-alone", "-s", "train.max_steps=1"]
    given += ["--tasks", "topic", "-s", "tasks.pair.metric=accuracy"]
    given += ["--teacher-set", "tasks.pair.calibration=none"]
    command = ["distill", "--patterns", suite, "--out", "out", *given]
    ran = call(*command, "--by-pattern", "--teacher-method", "heads", "--growth", "3")
    assert ran.code == 0, ran.err
    for option in ("--by-pattern", "--teacher-method"):
        assert f"warning: `{option}` does nothing: no teacher is trained" in ran.err
    assert "warning: `--growth` does nothing without `--generations`" in ran.err
    left_out = "`-s tasks.pair.metric=accuracy` does nothing: `--tasks` leaves `pair` out"
    assert f"warning: {left_out}" in ran.err
    left_out = "`--teacher-set tasks.pair.calibration=none` does nothing: `--tasks` leaves"
    assert f"warning: {left_out} `pair` out" in ran.err
    assert "warning: `--teacher-set` does nothing: no teacher is trained" in ran.err
    assert ran.err.count("does nothing") == 6


@pytest.mark.parametrize("option", ["--seeds", "--folds", "--generations"])
def test_numbers_that_no_machine_could_train(call: Call, suite: Path, option: str) -> None:
    """Refused before a list of so many teachers is made."""
    ran = call("distill", "--patterns", suite, "--out", "out", option, "99999999999")
    assert (ran.code, "Invalid value" in ran.err, Path("out").exists()) == (2, True, False)
