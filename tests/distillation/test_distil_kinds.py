"""Distillation of tasks whose rows have a set of labels or a number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.metrics import f1_score
from toy_kinds import write_kinds

from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.distillation.plan import Request
from pet_mtl.distillation.run import distil
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.storage.outputs import TEACHER
from pet_mtl.suite.suite import load_suite


def test_sets_and_numbers(
    tmp_path: Path, toy_backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, short = (
        write_kinds(tmp_path, toy_backbone),
        ["train.max_steps=3", "train.evaluate_every=3"],
    )
    suite = load_suite(file, overrides=short, only=["marks", "alike", "shares"])
    request = Request(suite, suite, seeds=1, folds=2)
    with pytest.raises(PetMtlError, match="`marks` is no task of one label a row: generations"):
        distil(replace(request, generations=1), tmp_path / "grown")
    done = distil(request, tmp_path / "out")
    assert "marks, 40 of 40 training rows labelled by them, right on" in capsys.readouterr().err
    assert [(stage.name, stage.models) for stage in done.stages] == [
        ("labels alone", 1), ("teachers", 6), ("teachers together", 6), ("student", 1),
    ]  # fmt: skip
    assert done.metrics == {"marks": "macro_f1", "alike": "pearson", "shares": "macro_f1"}
    plain = done.to_json()["stages"]
    assert plain[-1]["gain"]["mean"] == pytest.approx(
        plain[-1]["mean_score"] - plain[0]["mean_score"]
    )
    assert "dev macro-F1 (alike: Pearson), mean" in (tmp_path / "out" / "distill.md").read_text()
    # each fold's teacher answers the rows of the other: no row has its own target as the answer
    kept = load_file(tmp_path / "out" / "students" / "all" / TEACHER)
    assert ((kept["marks"] > 0) & (kept["marks"] < 1)).all()
    np.testing.assert_allclose(kept["alike"].sum(1), 1, rtol=1e-5)
    teachers = [
        load_file(each) for each in sorted((tmp_path / "out" / "answers").glob("*.safetensors"))
    ]
    assert len(teachers) == 6
    # together they choose by thresholds that are fitted on the dev rows, as each of them does
    p = np.mean([one["dev:shares"] for one in teachers if "dev:shares" in one], 0)
    gold = load_suite_data(suite)["shares"].dev.gold
    best = [
        max(f1_score(own, of_label >= least) for least in of_label)
        for own, of_label in zip(gold.T > 0, p.T, strict=True)
    ]
    assert done.stages[2].scores["shares"].mean == pytest.approx(np.mean(best))
    of_marks = [one["rows:marks"] for one in teachers if "rows:marks" in one]
    assert np.array_equal(np.isnan(of_marks[0]), ~np.isnan(of_marks[1]))
    assert distil(request, tmp_path / "out").to_json() == done.to_json()


def test_a_student_whose_task_no_teacher_knows(
    tmp_path: Path, toy_backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, short = write_kinds(tmp_path, toy_backbone), ["train.max_steps=1"]
    student, teacher = (
        load_suite(file, overrides=short, only=only) for only in (["marks", "alike"], ["marks"])
    )
    request = Request(teacher, student, students_have="single", alone=False)
    done = distil(request, tmp_path / "out")
    assert "no teacher knows alike: it is learned from its labels alone" in capsys.readouterr().err
    assert [folder.parent.name for folder in done.students] == ["marks", "alike"]
    assert not (done.students[1].parent / TEACHER).exists()


def test_who_knows_the_target_leaves_no_doubt(tmp_path: Path, toy_backbone: Path) -> None:
    suite = load_suite(write_kinds(tmp_path, toy_backbone))
    for name, gold in {
        "marks": np.array([[1, 0, 1], [0, 0, 0]], np.float32),
        "alike": np.array([0.0, 3.0], np.float32),
        "stars": np.array([2, 0]),
        "judged": np.array([1, 2]),
    }.items():
        kind = kind_of(suite.tasks[name])
        certain = kind.certain(gold)
        assert kind.right(gold, kind.decide(kind.from_probabilities(certain))).all()
        score = kind.score(gold, kind.decide(kind.from_probabilities(certain)), resamples=1)
        assert score.value(suite.tasks[name].kind_spec.facts.main) == score.main.value
