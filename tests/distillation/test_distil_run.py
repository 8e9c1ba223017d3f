"""Teachers to students: the stages, what is kept, and how a stopped one goes on."""

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from stopped_runs import assert_same_state
from toy_runs import replace_weights, state_of

from pet_mtl.data.keys import row_keys
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.distillation import run as module
from pet_mtl.distillation.plan import Request, plan_teachers
from pet_mtl.distillation.run import distil
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.outputs import TEACHER, RunFolder
from pet_mtl.storage.trained_on import read_trained_on
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps

SHORT = ["train.max_steps=3", "train.evaluate_every=3"]


@pytest.fixture
def make(suite_file: Path) -> Callable[..., Request]:
    def request(*more: str, only: list[str] | None = None, **settings: Any) -> Request:
        suite = load_suite(suite_file, overrides=[*SHORT, *more], only=only)
        return Request(suite, suite, **settings)

    return request


def unlabelled(suite_file: Path) -> str:
    """Return a setting that gives colour rows without labels, one of them a dev row."""
    file = suite_file.parent / "colour.more.tsv"
    dev = (suite_file.parent / "colour.dev.tsv").read_text(encoding="utf-8").splitlines()[0]
    texts = [f"{mark}{a}{b}" for mark in "甲乙丙" for a in "山水火" for b in "土木金日月"]
    file.write_text("".join(f"{text}\tr\n" for text in texts) + dev + "\n", encoding="utf-8")
    return "tasks.colour.data.unlabelled=[colour.more.tsv]"


def test_single_teachers_teach_one_student(make: Callable[..., Request], tmp_path: Path) -> None:
    request = make()
    done = distil(request, tmp_path / "out")
    assert [(stage.name, stage.models) for stage in done.stages] == [
        ("labels alone", 1),
        ("teachers", 3),
        ("student", 1),
    ]
    assert done.students == (tmp_path / "out" / "students" / "all" / "checkpoint",)
    teacher = LoadedCheckpoint(tmp_path / "out" / "teachers" / "mood-seed42" / "checkpoint")
    rows = load_suite_data(request.student)["mood"].train
    wanted = np.exp(teacher.raw_log_probs({"mood": rows})["mood"])
    kept = load_file(tmp_path / "out" / "students" / "all" / TEACHER)
    np.testing.assert_allclose(kept["mood"], wanted, rtol=1e-4, atol=1e-5)
    assert sorted(kept) == ["colour", "mood", "pair"]
    told = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert told == json.loads(json.dumps(done.to_json()))
    assert told["stages"][0]["gain"] is None
    low, high = told["stages"][2]["gain"]["ci95"]
    assert low <= told["stages"][2]["gain"]["mean"] <= high
    assert "| student | 1 |" in (tmp_path / "out" / "distill.md").read_text(encoding="utf-8")


def test_no_teacher_labels_a_row_that_it_was_trained_on(
    make: Callable[..., Request], tmp_path: Path
) -> None:
    request = make(folds=2, only=["colour", "pair"], alone=False)
    distil(request, tmp_path / "out")
    data = load_suite_data(request.student)
    for teacher in plan_teachers(request):
        (name,) = teacher.tasks
        folder = tmp_path / "out" / "teachers" / teacher.name
        seen = read_trained_on(folder / "checkpoint")
        assert seen is not None
        barred = np.isin(row_keys(data[name].train), seen[name])
        file = tmp_path / "out" / "answers" / f"teachers-{teacher.name}.safetensors"
        said = load_file(file)[f"rows:{name}"]
        assert np.array_equal(np.isnan(said).any(1), barred)
        assert 0.3 < barred.mean() < 0.7
    kept = load_file(tmp_path / "out" / "students" / "all" / TEACHER)
    np.testing.assert_allclose(kept["colour"].sum(1), 1, rtol=1e-5)


def test_nor_one_whose_labels_its_backbone_has_learned(
    make: Callable[..., Request], tmp_path: Path
) -> None:
    (given,) = distil(make(only=["colour"], alone=False), tmp_path / "first").students
    student = make(only=["colour"])
    teacher = make(f"model={given}", only=["colour"])
    request = Request(teacher.student, student.student, folds=2, alone=False)
    distil(request, tmp_path / "out")
    for file in (tmp_path / "out" / "answers").iterdir():
        assert np.isnan(load_file(file)["rows:colour"]).all()
    kept = load_file(tmp_path / "out" / "students" / "colour" / TEACHER)
    labels = load_suite_data(student.student)["colour"].train.labels
    np.testing.assert_array_equal(kept["colour"], np.eye(3, dtype=np.float32)[labels])


def test_teachers_of_some_tasks(suite_file: Path, tmp_path: Path) -> None:
    """The other tasks are learned from labels alone, and their folds are not cut."""
    student, teacher = (
        load_suite(suite_file, overrides=SHORT, only=only) for only in (None, ["pair", "mood"])
    )
    request = Request(teacher, student, teachers_have="multi", folds=2)
    done = distil(request, tmp_path / "out")
    alone, *taught, last = (set(stage.scores) for stage in done.stages)
    assert alone == last == {"colour", "mood", "pair"}
    assert taught == [{"mood", "pair"}] * 2  # each, and together
    kept = load_file(tmp_path / "out" / "students" / "all" / TEACHER)
    assert sorted(kept) == ["mood", "pair"]
    with pytest.raises(PetMtlError, match="--teacher-tasks: no student has the task `colour`"):
        distil(Request(student, teacher), tmp_path / "other")


def test_a_given_teacher_does_not_either(make: Callable[..., Request], tmp_path: Path) -> None:
    first = make(only=["colour"], alone=False)
    distil(first, tmp_path / "first")
    (given,) = distil(first, tmp_path / "first").students
    request = make(seeds=0, given=(given,), folds=2, alone=False)
    done = distil(request, tmp_path / "second")
    assert [stage.name for stage in done.stages] == ["teachers together", "student"]
    kept = load_file(tmp_path / "second" / "students" / "all" / TEACHER)
    labels = load_suite_data(request.student)["colour"].train.labels
    np.testing.assert_array_equal(kept["colour"], np.eye(3, dtype=np.float32)[labels])
    assert list(kept) == ["colour"]
    distil(replace(request, folds=1), tmp_path / "third")
    kept = load_file(tmp_path / "third" / "students" / "all" / TEACHER)
    assert 0 < kept["colour"].max() < 1


def test_a_given_teacher_that_was_trained_on_dev_rows_is_told(
    make: Callable[..., Request], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaking = make("tasks.colour.data.train=[colour.dev.tsv]", only=["colour"], alone=False)
    (given,) = distil(leaking, tmp_path / "first").students
    capsys.readouterr()
    distil(make(only=["colour"], seeds=0, given=(given,), alone=False), tmp_path / "second")
    assert "colour: 19 of 19 rows to score were trained on" in capsys.readouterr().err


def test_generations(make: Callable[..., Request], suite_file: Path, tmp_path: Path) -> None:
    more = unlabelled(suite_file)
    request = make(more, only=["colour"], seeds=2, generations=2, growth=1.5)
    done = distil(request, tmp_path / "out")
    names = ["labels alone", "teachers", "teachers together", "generation 1"]
    names += ["generation 1 together", "generation 2", "generation 2 together", "student"]
    assert [stage.name for stage in done.stages] == names
    rows = {stage.name: stage.rows for stage in done.stages}
    assert rows["teachers"] == 41
    assert 41 < rows["generation 1"] <= round(41 * 1.5)
    assert rows["generation 1"] < rows["generation 2"] <= 41 + 45
    data = load_suite_data(request.student)["colour"]
    for seed in (42, 43):
        seen = read_trained_on(
            tmp_path / "out" / "generation-1" / f"colour-seed{seed}" / "checkpoint"
        )
        assert seen is not None
        assert not np.isin(row_keys(data.dev), seen["colour"]).all()
        assert np.isin(row_keys(data.train), seen["colour"]).all()


def test_unlabelled_rows_that_none_may_label_say_nothing(
    make: Callable[..., Request],
    suite_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = unlabelled(suite_file)
    request = make(more, only=["colour"])
    taught = distil(request, tmp_path / "first")
    assert [stage.rows for stage in taught.stages] == [41, 41, 41 + 45]  # the student's are counted
    (given,) = taught.students  # has seen them all
    distil(make(more, only=["colour"], seeds=1, folds=2, given=(given,)), tmp_path / "second")
    kept = load_file(tmp_path / "second" / "students" / "colour" / TEACHER)["colour"]
    assert not np.isnan(kept).any()  # the fold's teachers may
    said = capsys.readouterr().err
    assert said.count("colour, 41 of 41 training rows labelled by them, right on ") == 2
    done = distil(make(more, only=["colour"], seeds=0, folds=2, given=(given,)), tmp_path / "third")
    assert "colour, 0 of 41 training rows labelled by them\n" in capsys.readouterr().err
    kept = load_file(tmp_path / "third" / "students" / "colour" / TEACHER)["colour"]
    assert np.isnan(kept).all(1).tolist() == [False] * 41 + [True] * 45
    assert done.stages[-1].rows == 41


def test_kinds(make: Callable[..., Request], tmp_path: Path) -> None:
    both = {"only": ["colour", "mood"], "alone": False}
    multi = distil(make(teachers_have="multi", seeds=2, **both), tmp_path / "multi")
    assert [(s.name, s.models) for s in multi.stages] == [
        ("teachers", 2), ("teachers together", 2), ("student", 1),
    ]  # fmt: skip
    single = distil(make(students_have="single", **both), tmp_path / "single")
    assert [(s.name, s.models) for s in single.stages] == [("teachers", 2), ("students", 2)]
    assert [folder.parent.name for folder in single.students] == ["colour", "mood"]


def test_a_stopped_one_goes_on(
    make: Callable[..., Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make(only=["colour", "pair"], seeds=1, alone=False)
    distil(request, tmp_path / "whole")
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    trained: list[str] = []
    real, write = module.do_run, RunFolder.log

    def noted(folder: Path, *args: Any, **more: Any) -> Any:
        if not (folder / "result.json").is_file():
            trained.append(folder.name)
        return real(folder, *args, **more)

    monkeypatch.setattr(module, "do_run", noted)
    out = tmp_path / "out"
    for name in ("colour-seed42", "pair-seed42", "all"):

        def log(self: RunFolder, record: dict[str, Any], name: str = name) -> None:
            write(self, record)
            if self.path.name == name and record["step"] == 1 and "loss" in record:
                os.kill(os.getpid(), signal.SIGINT)

        with monkeypatch.context() as patch:
            patch.setattr(RunFolder, "log", log)
            with pytest.raises(Interrupted, match="stopped after step 2 of 3"):
                distil(request, out)
    done = distil(request, out)
    assert trained == [name for name in ("colour-seed42", "pair-seed42", "all") for _ in range(2)]
    assert done.stages[-1].scores
    assert [stage.seconds for stage in done.stages] == [None, None]  # of the last part alone
    for run in ("teachers/colour-seed42", "teachers/pair-seed42", "students/all"):
        assert_same_state(state_of(out / run), state_of(tmp_path / "whole" / run))


def test_another_distillation(make: Callable[..., Request], tmp_path: Path) -> None:
    request = make(only=["colour"], alone=False)
    distil(request, tmp_path / "out")
    for other, word in (
        (replace(request, seeds=2), "`seeds`"),
        (
            make("train.learning_rate=0.5", only=["colour"], alone=False),
            r"`student\.train\.learning_rate`",
        ),
        (make(only=["mood"], alone=False), r"`rows\.colour`"),
    ):
        with pytest.raises(PetMtlError, match=f"another distillation.*{word}.* changed"):
            distil(other, tmp_path / "out")


@pytest.mark.parametrize("side", ["student", "teacher"])
def test_a_replaced_backbone_is_another_distillation(
    make: Callable[..., Request], tmp_path: Path, side: str
) -> None:
    plain = make(only=["colour"], alone=False)
    backbone, out = tmp_path / "backbone", tmp_path / "out"
    shutil.copytree(plain.student.model, backbone)
    own = make(f"model={backbone}", only=["colour"], alone=False)
    request = replace(plain, **{side: getattr(own, side)})
    distil(request, out)
    replace_weights(backbone)
    words = rf"(?s)backbone was replaced.*`{side}\.model`.*choose another folder"
    with pytest.raises(PetMtlError, match=words):
        distil(request, out)
    settings = json.loads((out / "distill.json").read_text(encoding="utf-8"))
    del settings["backbones"]  # a version before noted none
    (out / "distill.json").write_text(json.dumps(settings), encoding="utf-8")
    distil(request, out)


@pytest.mark.parametrize("content", ["{", "null", "[]", "{}", '{"seeds": 1}', '{"rows": 3}'])
def test_damaged_settings(make: Callable[..., Request], tmp_path: Path, content: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "distill.json").write_text(content, encoding="utf-8")
    with pytest.raises(PetMtlError, match=r"distill\.json: damaged"):
        distil(make(only=["colour"], alone=False), out)


def test_a_damaged_result_is_not_believed(make: Callable[..., Request], tmp_path: Path) -> None:
    request, out = make(only=["colour"], alone=False), tmp_path / "out"
    distil(request, out)
    file = out / "students" / "colour" / "result.json"
    whole = json.loads(file.read_text(encoding="utf-8"))
    said = whole["predicted"]["colour"]
    for text in ("[" * 100_000, "{", "{}", "\xff"):
        file.write_text(text, encoding="latin-1")
        with pytest.raises(PetMtlError, match=r"result\.json: damaged"):
            distil(request, out)
    for changed in (
        {"scores": {}, "predicted": {}},
        {"scores": {"mood": 0.5}, "predicted": {"mood": said}},
        {"scores": {"colour": 7.0}},
        {"predicted": {"colour": said[1:]}},
        {"predicted": {"colour": [3, *said[1:]]}},
        {"predicted": {"colour": [-1, *said[1:]]}},
    ):
        file.write_text(json.dumps(whole | changed), encoding="utf-8")
        with pytest.raises(PetMtlError, match=r"result\.json: damaged"):
            distil(request, out)
    file.write_text(json.dumps(whole), encoding="utf-8")
    left = [out / ".distill.md.0123abcd.new", file.parent / ".result.json.0123abcd.new"]
    for each in left:
        each.touch()
    distil(request, out)
    assert not any(each.exists() for each in left)  # by writers that were killed


def test_a_result_that_cannot_be_read(
    make: Callable[..., Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, out = make(only=["colour"], alone=False), tmp_path / "out"
    distil(request, out)

    def fail(file: Path) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(file))

    monkeypatch.setattr("pet_mtl.distillation.folder.read_bounded", fail)
    with pytest.raises(PetMtlError, match=r"result\.json: damaged"):
        distil(request, out)


def wrong(suite: Suite, **settings: Any) -> Request:
    return Request(suite, suite, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seeds": 0}, "--seeds 0: there is no teacher"),
        ({"folds": 1000}, "different training texts, too few for 1,000 folds"),
        ({"generations": 1}, "each task needs two or more"),
        ({"generations": 1, "seeds": 2}, "no task has any"),
        ({"seeds": 2**32}, "--seeds 4294967296: the seeds from 42 on would pass"),
        ({"given": (Path("nowhere"),)}, "--teacher nowhere|nowhere"),
    ],
)
def test_what_cannot_be_distilled(
    suite: Suite, tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(PetMtlError, match=words):
        distil(wrong(suite, **settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_teacher_that_knows_none_of_the_tasks(
    make: Callable[..., Request], tmp_path: Path
) -> None:
    (given,) = distil(make(only=["colour"], alone=False), tmp_path / "one").students
    with pytest.raises(PetMtlError, match="knows colour, but none of mood, pair"):
        distil(make(only=["mood", "pair"], given=(given,)), tmp_path / "two")
