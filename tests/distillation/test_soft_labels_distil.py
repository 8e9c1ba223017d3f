"""Soft labels in a distillation: one more teacher of the students, and of nobody else."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from stopped_runs import assert_same_state
from toy_runs import state_of

from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.distillation.plan import Request
from pet_mtl.distillation.run import distil
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.outputs import TEACHER
from pet_mtl.suite.suite import Suite, load_suite


def suites(suite_file: Path, tmp_path: Path) -> tuple[Suite, Suite]:
    """Return the suite of one task without soft labels, and with those of its first row."""
    short = ["train.max_steps=3", "train.evaluate_every=3"]
    plain = load_suite(suite_file, overrides=short, only=["mood"])
    row = load_suite_data(plain)["mood"].train.text(0)
    first, second, *_ = plain.tasks["mood"].verbalizer.labels
    said = {**row, "probabilities": {first: 0.4, second: 0.6}}
    file = tmp_path / "said.jsonl"
    file.write_text(json.dumps(said) + "\n", encoding="utf-8")
    soft = f"tasks.mood.data.soft_labels={file}"
    return plain, load_suite(suite_file, overrides=[*short, soft], only=["mood"])


def test_they_are_one_teacher_more(suite_file: Path, tmp_path: Path) -> None:
    for name, suite in zip(("plain", "soft"), suites(suite_file, tmp_path), strict=True):
        distil(Request(suite, suite), tmp_path / name)
    plain, soft = (tmp_path / name for name in ("plain", "soft"))
    for run in ("teachers/mood-seed42", "alone/mood"):
        assert_same_state(state_of(soft / run), state_of(plain / run))
    theirs, both = (load_file(out / "students" / "mood" / TEACHER)["mood"] for out in (plain, soft))
    wanted = (theirs[0][:2] + np.array([0.4, 0.6])) / 2
    np.testing.assert_allclose(both[0][:2], wanted, atol=1e-6)
    texts = load_suite_data(suites(suite_file, tmp_path)[0])["mood"].train.fields
    others = [n for n, row in enumerate(zip(*(c.to_pylist() for c in texts.values()), strict=True))
              if row != tuple(column[0].as_py() for column in texts.values())]  # fmt: skip
    assert (both[others] == theirs[others]).all()


def test_they_teach_alone(suite_file: Path, tmp_path: Path) -> None:
    plain, soft = suites(suite_file, tmp_path)
    with pytest.raises(PetMtlError, match="there is no teacher"):
        distil(Request(plain, plain, seeds=0), tmp_path / "none")
    done = distil(Request(soft, soft, seeds=0), tmp_path / "out")
    assert [stage.name for stage in done.stages] == ["labels alone", "student"]
    again = distil(Request(soft, soft, seeds=0), tmp_path / "out")
    assert again.students == done.students
    file = tmp_path / "said.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("0.6", "0.59"), encoding="utf-8")
    with pytest.raises(PetMtlError, match=r"rows\.mood"):
        distil(Request(soft, soft, seeds=0), tmp_path / "out")
