"""Runs that learn from soft labels: like from a teacher that said the same."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from called import Call
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import state_of

from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.outputs import TEACHER
from pet_mtl.storage.tensors import read_arrays
from pet_mtl.storage.trained_on import read_trained_on
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps, trainer
from pet_mtl.training.run import train


def test_what_predict_writes_teaches_as_its_checkpoint_does(
    suite_file: Path, tmp_path: Path, call: Call
) -> None:
    short = ["train.max_steps=4", "train.label_share=0.3"]
    suite = load_suite(suite_file, overrides=short)
    teacher = train(suite, tmp_path / "teacher").out / "checkpoint"
    files = [f"{name}={name}.train.tsv" for name in suite.tasks]
    folder = suite_file.parent
    given = [part for file in files for part in ("--data", file.replace("=", f"={folder}/"))]
    out = str(tmp_path / "said")
    details = ("--probabilities", "--echo", "--calibration", "none")
    call("predict", teacher, *given, "--out", out, *details)
    soft = [f"tasks.{name}.data.soft_labels={out}/{name}.jsonl" for name in suite.tasks]
    train(suite, tmp_path / "taught", teachers=[teacher])
    train(load_suite(suite_file, overrides=[*short, *soft]), tmp_path / "soft")
    answers = [read_arrays(tmp_path / name / TEACHER) for name in ("taught", "soft")]
    assert answers[0].keys() == answers[1].keys() == suite.tasks.keys()
    for name in suite.tasks:
        np.testing.assert_allclose(answers[0][name], answers[1][name], atol=5e-6)


def some_soft_labels(suite_file: Path, *overrides: str) -> Suite:
    """Return the suite with soft labels for two of the colour's rows."""
    rows = load_suite_data(load_suite(suite_file))["colour"].train
    file = suite_file.parent / "said.jsonl"
    shares = [{"r": 0.5, "g": 0.25, "b": 0.25}, {"b": 1}]
    said = [{**rows.text(row), "probabilities": each} for row, each in enumerate(shares)]
    file.write_text("".join(json.dumps(one) + "\n" for one in said), encoding="utf-8")
    return load_suite(suite_file, overrides=[f"tasks.colour.data.soft_labels={file}", *overrides])


def test_rows_of_which_nothing_is_said_have_their_labels(
    suite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = some_soft_labels(suite_file, "train.max_steps=1")
    train(suite, tmp_path / "run")
    rows = load_suite_data(suite)["colour"].train
    found = read_arrays(tmp_path / "run" / TEACHER)["colour"]
    order = [suite.tasks["colour"].verbalizer.labels.index(label) for label in "rgb"]
    twice = np.flatnonzero(np.isin(rows.fields["text"].to_pylist(), rows.text(0)["text"]))
    assert (found[twice][:, order] == [0.5, 0.25, 0.25]).all()
    others = np.setdiff1d(np.arange(2, len(rows)), twice)
    spoken = np.isin(rows.fields["text"].to_pylist(), rows.text(1)["text"])
    others = others[~spoken[others]]
    assert (found[others] == np.eye(3)[rows.labels[others]]).all()
    assert "soft labels: colour, of" in capsys.readouterr().err


def test_settings_that_soft_labels_or_a_short_run_leave_idle_are_told(
    suite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["label_share=0", "losses={focal: {}}", "weighting=dwa", "early_stop=3", "max_steps=1"]
    suite = some_soft_labels(suite_file, *(f"train.{setting}" for setting in more))
    suite = suite.model_copy(update={"tasks": {"colour": suite.tasks["colour"]}})
    train(suite, tmp_path / "run")
    said = capsys.readouterr().err.splitlines()
    told = [line.split("`")[1] for line in said if "does nothing" in line]
    assert sorted(told) == [
        *("train.early_stop: 3", "train.losses.focal", "train.weighting", "train.weighting: dwa")
    ]


def test_a_teacher_and_soft_labels_count_alike(suite_file: Path, tmp_path: Path) -> None:
    suite = load_suite(suite_file, overrides=["train.max_steps=3"])
    teacher = train(suite, tmp_path / "teacher").out / "checkpoint"
    train(suite, tmp_path / "taught", teachers=[teacher])
    train(some_soft_labels(suite_file, "train.max_steps=3"), tmp_path / "both", teachers=[teacher])
    one, both = (read_arrays(tmp_path / name / TEACHER) for name in ("taught", "both"))
    order = [suite.tasks["colour"].verbalizer.labels.index(label) for label in "rgb"]
    wanted = (one["colour"][0][order] + [0.5, 0.25, 0.25]) / 2
    np.testing.assert_allclose(both["colour"][0][order], wanted, atol=1e-6)
    assert (both["mood"] == one["mood"]).all()


def test_a_stopped_run_goes_on_though_the_file_is_said_anew(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    suite = some_soft_labels(suite_file, "train.max_steps=6", "train.label_share=0")
    train(suite, tmp_path / "unbroken")
    stop_at = stop_at_step(monkeypatch)
    stop_at(3)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    file = suite_file.parent / "said.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("0.5", "0.51"), encoding="utf-8")
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "unbroken"))


def test_a_run_that_begins_anew_asks_again_for_other_rows(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "suite"
    shutil.copytree(suite_file.parent, folder)
    file = folder / suite_file.name
    suite = some_soft_labels(file, "train.max_steps=2")
    killed = tmp_path / "killed"

    def kill(*_: object) -> None:
        shutil.copytree(tmp_path / "run", killed)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:  # before the first step
        patched.setattr(trainer.Trainer, "run", kill)
        with pytest.raises(KeyboardInterrupt):
            train(suite, tmp_path / "run")
    assert (killed / TEACHER).is_file()
    rows = folder / "colour.train.tsv"
    lines = rows.read_text(encoding="utf-8").splitlines(keepends=True)
    rows.write_text("".join(reversed(lines)), encoding="utf-8")
    with pytest.raises(PetMtlError, match="belongs to other training rows"):
        train(suite, killed, resume=True)


def test_unlabelled_rows_of_which_nothing_is_said_cost_nothing(
    suite_file: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.tsv"
    texts = [f"新{mark}" for mark in "甲乙丙丁戊己庚辛"]
    more.write_text("".join(f"{text}\tr\n" for text in texts), encoding="utf-8")
    said = tmp_path / "said.jsonl"
    said.write_text(json.dumps({"text": texts[0], "label": "b"}) + "\n", encoding="utf-8")
    given = [f"tasks.colour.data.unlabelled={more}", f"tasks.colour.data.soft_labels={said}"]
    suite = load_suite(suite_file, overrides=["train.max_steps=2", *given])
    rows = load_suite_data(suite)["colour"]
    assert rows.unlabelled is not None
    assert len(rows.unlabelled) == len(texts)
    train(suite, tmp_path / "run")
    found = read_arrays(tmp_path / "run" / TEACHER)["colour"]
    assert len(found) == len(rows.train) + 1
    seen = read_trained_on(tmp_path / "run" / "checkpoint")
    assert seen is not None
    assert len(seen["colour"]) == len(np.unique(rows.train_keys)) + 1
    train(suite, tmp_path / "run", resume=True)  # nothing is left to do, and the rows are the same


def test_soft_labels_of_other_texts_are_refused(suite_file: Path, tmp_path: Path) -> None:
    file = suite_file.parent / "other.jsonl"
    file.write_text('{"text": "none of these", "label": "r"}\n', encoding="utf-8")
    soft = f"tasks.colour.data.soft_labels={file}"
    suite = load_suite(suite_file, overrides=["train.max_steps=1", soft])
    with pytest.raises(PetMtlError, match="are about other texts"):
        train(suite, tmp_path / "run")
