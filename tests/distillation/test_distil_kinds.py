"""Distillation of tasks whose rows have a set of labels or a number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.metrics import f1_score
from toy_kinds import write_kinds

from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.distillation.plan import Request, check_request, with_order_of_labels
from pet_mtl.distillation.run import distil
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.scoring.checkpoint_scores import score_checkpoints
from pet_mtl.storage.outputs import TEACHER
from pet_mtl.suite.suite import load_suite
from pet_mtl.training.run import train
from pet_mtl.training.teachers import check_teachers


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


def test_labels_of_teachers_in_another_order(suite_file: Path, tmp_path: Path) -> None:
    """Teachers read the students' rows, in which a label is a place among the students' labels."""
    words = 'tasks.colour.verbalizer={"g": 绿, "r": 红, "b": 蓝}'
    short = ["train.max_steps=8", "train.evaluate_every=8"]
    suite = load_suite(suite_file, overrides=short, only=["colour"])
    other = load_suite(suite_file, overrides=[*short, words], only=["colour"])
    assert suite.tasks["colour"].verbalizer.labels == ("r", "b", "g")
    said = []
    for name, teacher in (("same", suite), ("other", other)):
        done = distil(Request(teacher, suite, alone=False), tmp_path / name)
        file = tmp_path / name / "answers" / "teachers-colour-seed42.safetensors"
        said.append(load_file(file))
        folder = tmp_path / name / "teachers" / "colour-seed42" / "checkpoint"
        (scored,) = score_checkpoints([folder])  # reads the rows anew
        assert done.stages[0].scores["colour"].mean == scored.tasks["colour"].main.value
    for key, probs in said[0].items():
        np.testing.assert_array_equal(said[1][key], probs)


def test_teachers_have_the_targets_of_the_students(tmp_path: Path, toy_backbone: Path) -> None:
    file = write_kinds(tmp_path, toy_backbone)
    suite = load_suite(file, only=["marks", "alike", "stars"])
    for change, name in (
        ("tasks.alike.range=[0, 40]", "alike"),
        ("tasks.stars.kind=multi_label", "stars"),
    ):
        teacher = load_suite(
            file, overrides=[change, "tasks.stars.metric=macro_f1"], only=["alike", "stars"]
        )
        with pytest.raises(PetMtlError, match=f"teachers of `{name}` would have other targets"):
            check_request(Request(teacher, suite))
    turned = [
        'tasks.marks.verbalizer={"g": 绿, "r": [红, 喜], "b": 蓝}',
        "tasks.marks.thresholds=[0.1, 0.2, 0.3]",
        "tasks.stars.kind=classification",
        "tasks.stars.metric=accuracy",
    ]
    teacher = load_suite(file, overrides=turned, only=["marks", "stars"])
    check_request(Request(teacher, suite))
    ordered = with_order_of_labels(teacher, suite)
    marks = ordered.tasks["marks"]
    assert marks.verbalizer.labels == ("r", "b", "g")
    assert marks.verbalizer.words == (("红", "喜"), ("蓝",), ("绿",))
    assert marks.thresholds == (0.2, 0.3, 0.1)
    assert ordered.tasks["stars"] is teacher.tasks["stars"]
    assert with_order_of_labels(suite, suite) is suite


def test_a_given_teacher_has_the_range_of_the_students(tmp_path: Path, toy_backbone: Path) -> None:
    file = write_kinds(tmp_path, toy_backbone)
    wider = ["tasks.alike.range=[0, 40]", "train.max_steps=1"]
    train(load_suite(file, overrides=wider, only=["alike"]), tmp_path / "run")
    with pytest.raises(PetMtlError, match="`alike` has the range 0, 40 there, and here 0, 4"):
        check_teachers([tmp_path / "run" / "checkpoint"], load_suite(file, only=["alike"]))
