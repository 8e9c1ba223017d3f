"""Teachers: what they say of the training rows, and what a run makes of it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from stopped_runs import assert_same_state, stop_at_step
from toy_kinds import write_kinds
from toy_runs import state_of

from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.outputs import TEACHER
from pet_mtl.storage.trained_on import read_trained_on
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train
from pet_mtl.training.teachers import (
    ask_teachers,
    check_teachers,
    read_answers,
    rows_to_learn,
    write_answers,
)

MakeSuite = Callable[..., Suite]


@pytest.fixture(scope="module")
def teachers(suite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints: of all tasks, adjusted; of one with its labels in another order; of two, by
    classifiers."""
    folder, short = tmp_path_factory.mktemp("teachers"), ["train.max_steps=6"]
    suites = {
        "all": load_suite(suite_file, overrides=[*short, "train.logit_adjustment=0.8"]),
        "colour": load_suite(
            suite_file,
            overrides=[*short, 'tasks.colour.verbalizer={"g": 绿, "r": 红, "b": 蓝}'],
            only=["colour"],
        ),
        "heads": load_suite(suite_file, overrides=short, method="heads", only=["mood", "pair"]),
    }
    for name, suite in suites.items():
        train(suite, folder / name)
    return {name: folder / name / "checkpoint" for name in suites}


def training_rows(suite: Suite) -> dict[str, Rows]:
    return {name: data.train for name, data in load_suite_data(suite).items()}


def test_their_mean_is_over_those_that_know_the_task(
    suite: Suite, teachers: dict[str, Path]
) -> None:
    rows = training_rows(suite)
    answers = ask_teachers([teachers["all"], teachers["colour"]], suite, rows, {})
    assert set(answers) == {"colour", "mood", "pair"}
    scores = {
        name: LoadedCheckpoint(teachers[name]).raw_log_probs(
            rows if name == "all" else {"colour": rows["colour"]}
        )
        for name in ("all", "colour")
    }
    for task, of_task in rows.items():
        shares = np.bincount(of_task.labels) / len(of_task)
        wanted = np.exp(scores["all"][task]) * shares**0.8
        wanted /= wanted.sum(-1, keepdims=True)
        if task == "colour":
            other = np.exp(scores["colour"]["colour"])
            wanted = (wanted + other[:, [1, 2, 0]]) / 2  # g r b as r b g
        np.testing.assert_allclose(answers[task], wanted, atol=1e-5)


def test_hypotheses_were_adjusted_by_the_odds_of_their_labels(
    toy_backbone: Path, tmp_path: Path
) -> None:
    """A hypothesis' yes was moved by τ log n / N and its no by τ log (N - n) / N."""
    file = write_kinds(tmp_path, toy_backbone)
    train_file = tmp_path / "judged.train.tsv"
    rows = train_file.read_text(encoding="utf-8").splitlines(keepends=True)
    rare = [row for row in rows if not row.endswith("\tup\n")]
    uneven = [*(row for row in rows if row not in rare), *rare[:4]]
    train_file.write_text("".join(uneven), encoding="utf-8")
    overrides = ["train.max_steps=1", "train.logit_adjustment=0.8"]
    suite = load_suite(file, overrides=overrides, only=["judged"])
    train(suite, tmp_path / "run")
    folder = tmp_path / "run" / "checkpoint"
    judged = training_rows(suite)
    answers = ask_teachers([folder], suite, judged, {})
    shares = np.bincount(judged["judged"].labels) / len(uneven)
    odds = LoadedCheckpoint(folder).raw_log_probs(judged)["judged"]
    wanted = np.exp(odds) * (shares / (1 - shares)) ** 0.8
    wanted /= wanted.sum(-1, keepdims=True)
    np.testing.assert_allclose(answers["judged"], wanted, atol=1e-5)


def test_a_task_without_teacher_is_learned_from_its_labels(
    suite: Suite, teachers: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(ask_teachers([teachers["heads"]], suite, training_rows(suite), {})) == {
        "mood",
        "pair",
    }
    said = capsys.readouterr().err
    assert "no teacher knows colour" in said
    assert "right on" in said


def test_they_are_judged_by_labelled_rows_and_dev_rows_that_they_saw_are_told(
    suite: Suite, teachers: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"mood": training_rows(suite)["mood"]}
    bare = replace(rows["mood"], labels=np.full(len(rows["mood"]), -1))
    more = {"mood": Rows.concat([rows["mood"], bare])}
    ask_teachers([teachers["heads"]], suite, rows, {})
    alone = capsys.readouterr().err
    assert "trained on" not in alone
    ask_teachers([teachers["heads"]], suite, more, rows)
    said = capsys.readouterr().err
    (right,) = (line for line in alone.splitlines() if "right on" in line)
    assert right in said
    assert f"mood: {len(bare)} of {len(bare)} rows to score were trained on" in said


@pytest.mark.parametrize("share", ["annealed", 0.0, 0.3])
def test_the_loss_is_the_formulas(
    make_suite: MakeSuite,
    teachers: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    share: object,
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    suite = make_suite(max_steps=1, batch_tokens=10_000, label_share=share)  # all rows are one step
    train(suite, tmp_path / "run", teachers=[teachers["heads"]])
    found = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[0])["loss"]

    part = 0.0 if share == "annealed" else share
    plain = train_loss(make_suite(max_steps=1, batch_tokens=10_000), tmp_path / "plain", [])
    taught = train_loss(
        make_suite(max_steps=1, batch_tokens=10_000, label_share=0.0),
        tmp_path / "0",
        [teachers["heads"]],
    )
    assert found["colour"] == pytest.approx(plain["colour"], abs=2e-5)
    for task in ("mood", "pair"):
        assert isinstance(part, float)
        assert abs(plain[task] - taught[task]) > 3e-4  # ten times the tolerance below
        assert found[task] == pytest.approx(
            part * plain[task] + (1 - part) * taught[task], abs=3e-5
        )


def train_loss(suite: Suite, out: Path, teachers: list[Path]) -> dict[str, float]:
    train(suite, out, teachers=teachers)
    return dict(json.loads((out / "metrics.jsonl").read_text().splitlines()[0])["loss"])


def with_unlabelled(suite_file: Path, *overrides: str) -> Suite:
    """Return the suite with the training texts of one task once more without labels."""
    # no dev rows: none is left out
    data = "tasks.mood.data={train: mood.train.tsv, unlabelled: mood.train.tsv}"
    return load_suite(suite_file, overrides=[data, *overrides])


def test_unlabelled_rows_are_learned_from_the_teacher_alone(
    suite_file: Path, teachers: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    # each row once and in the same pattern, in one step
    short = ["train.max_steps=1", "train.batch_tokens=10_000", "sampling.temperature=1"]
    short.append('tasks.mood.patterns="{text}。{mask}!"')
    plain = train_loss(load_suite(suite_file, overrides=short), tmp_path / "plain", [])
    only = train_loss(
        load_suite(suite_file, overrides=[*short, "train.label_share=0"]),
        tmp_path / "only",
        [teachers["heads"]],
    )
    for share in (1.0, 0.25):
        suite = with_unlabelled(suite_file, *short, f"train.label_share={share}")
        found = train_loss(suite, tmp_path / f"share {share}", [teachers["heads"]])
        labelled = share * plain["mood"] + (1 - share) * only["mood"]
        assert found["mood"] == pytest.approx((labelled + only["mood"]) / 2, abs=3e-5)
        assert found["colour"] == pytest.approx(plain["colour"], abs=2e-5)
    without = train_loss(with_unlabelled(suite_file, *short), tmp_path / "no teacher", [])
    assert without == pytest.approx(plain, abs=2e-5)
    assert abs(plain["mood"] - only["mood"]) > 1e-3


def test_unlabelled_rows_that_are_measured_on_stay_out(suite_file: Path) -> None:
    suite = load_suite(
        suite_file, overrides=["tasks.mood.data.unlabelled=[mood.train.tsv, mood.dev.tsv]"]
    )
    data = load_suite_data(suite)
    texts = [str(data["mood"].train.text(i)) for i in range(len(data["mood"].train))]
    dev = {str(data["mood"].dev.text(i)) for i in range(len(data["mood"].dev))}  # type: ignore[union-attr, arg-type]
    rows = rows_to_learn(data, {"mood", "pair"})
    assert rows["colour"] is data["colour"].train
    assert rows["pair"] is data["pair"].train
    assert len(texts) < len(rows["mood"]) <= 2 * len(texts)
    behind = [str(rows["mood"].text(i)) for i in range(len(texts), len(rows["mood"]))]
    assert behind == [text for text in texts if text not in dev]
    assert (rows["mood"].labels[len(texts) :] == -1).all()
    assert (rows["mood"].labels[: len(texts)] == data["mood"].train.labels).all()
    assert all(of_task is data[name].train for name, of_task in rows_to_learn(data, set()).items())


def test_a_resumed_run_still_has_the_unlabelled_rows(
    suite_file: Path, teachers: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    suite = with_unlabelled(suite_file, "train.max_steps=8", "train.evaluate_every=3")
    train(suite, tmp_path / "unbroken", teachers=[teachers["all"]])
    stop_at = stop_at_step(monkeypatch)
    stop_at(5)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run", teachers=[teachers["all"]])
    stop_at(0)
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "unbroken"))


def test_with_all_share_to_the_labels_a_teacher_changes_nothing(
    make_suite: MakeSuite, teachers: dict[str, Path], tmp_path: Path
) -> None:
    train(make_suite(max_steps=4), tmp_path / "plain")
    train(make_suite(max_steps=4, label_share=1.0), tmp_path / "taught", teachers=[teachers["all"]])
    plain, taught = state_of(tmp_path / "plain"), state_of(tmp_path / "taught")
    for state in (plain, taught):
        assert isinstance(state["counters"], dict)
        del state["counters"]["fingerprint"]
    assert_same_state(taught, plain)


def test_a_resumed_run_needs_no_teacher(
    make_suite: MakeSuite,
    teachers: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    overrides = ["train.max_steps=8", "train.evaluate_every=3"]
    suite = load_suite(
        Path(make_suite().source), overrides=overrides, only=["colour", "pair"]
    )  # the teacher knows more
    train(suite, tmp_path / "unbroken", teachers=[teachers["all"]])
    gone = Path(shutil.copytree(teachers["all"], tmp_path / "gone"))
    stop_at = stop_at_step(monkeypatch)
    stop_at(5)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run", teachers=[gone])
    shutil.rmtree(gone)
    stop_at(0)
    said = (tmp_path / "run" / TEACHER).rename(tmp_path / "said")
    with pytest.raises(PetMtlError, match=r"`data` or `teacher.safetensors` changed"):
        train(suite, tmp_path / "run", resume=True)
    said.rename(tmp_path / "run" / TEACHER)
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "unbroken"))


def test_the_checkpoint_knows_what_its_teachers_were_trained_on(
    make_suite: MakeSuite, teachers: dict[str, Path], tmp_path: Path
) -> None:
    few = load_suite(Path(make_suite().source), overrides=["train.max_steps=1"], only=["colour"])
    train(few, tmp_path / "run", teachers=[teachers["all"]])
    theirs, its = read_trained_on(teachers["all"]), read_trained_on(tmp_path / "run" / "checkpoint")
    assert theirs is not None
    assert its is not None
    assert its.keys() == theirs.keys()
    assert all(np.isin(theirs[name], its[name]).all() for name in theirs)


def test_what_cannot_teach_is_refused_at_once(
    suite_file: Path, suite: Suite, teachers: dict[str, Path], tmp_path: Path
) -> None:
    other = load_suite(suite_file, overrides=['tasks.pair.verbalizer={"0": 相同, "1": 相反}'])
    with pytest.raises(PetMtlError) as caught:
        check_teachers(
            [tmp_path / "none", teachers["all"], teachers["colour"]],
            other.model_copy(update={"tasks": {"pair": other.tasks["pair"]}}),
        )
    message = str(caught.value)
    assert "there is no such folder" in message
    assert "`pair` has the labels 0, 1, 2 there, and here 0, 1" in message
    assert "knows colour, but none of pair" in message
    with pytest.raises(PetMtlError):
        train(suite, tmp_path / "run", teachers=[tmp_path / "none"])
    assert not (tmp_path / "run").exists()


def test_damaged_answers_and_those_of_other_rows(suite: Suite, tmp_path: Path) -> None:
    rows = training_rows(suite)
    assert read_answers(tmp_path, suite, rows) == {}
    write_answers(tmp_path, {"colour": np.full((3, 3), 1 / 3, np.float32)}, rows)
    with pytest.raises(PetMtlError, match="other training rows"):
        read_answers(tmp_path, suite, rows)
    (tmp_path / TEACHER).write_bytes(b"nothing")
    with pytest.raises(PetMtlError, match="cannot be read") as caught:
        read_answers(tmp_path, suite, rows)
    assert str(tmp_path / TEACHER) in str(caught.value)


def test_answers_are_not_for_rows_in_another_order(suite: Suite, tmp_path: Path) -> None:
    rows = training_rows(suite)
    probs = np.full((len(rows["colour"]), 3), 1 / 3, np.float32)
    write_answers(tmp_path, {"colour": probs}, rows)
    assert read_answers(tmp_path, suite, rows).keys() == {"colour"}
    turned = rows["colour"].take(np.arange(len(probs))[::-1])
    with pytest.raises(PetMtlError, match="other training rows"):
        read_answers(tmp_path, suite, {**rows, "colour": turned})
    other = replace(rows["colour"], labels=(rows["colour"].labels + 1) % 3)
    with pytest.raises(PetMtlError, match="other training rows"):
        read_answers(tmp_path, suite, {**rows, "colour": other})
    (tmp_path / TEACHER).write_bytes(save({"colour": probs}))  # a version before noted no digest
    assert read_answers(tmp_path, suite, rows).keys() == {"colour"}


@pytest.mark.parametrize("kind", ["dtype", "shape", "scalar", "negative", "nan", "sum"])
def test_answers_that_are_no_probabilities(suite: Suite, tmp_path: Path, kind: str) -> None:
    rows = training_rows(suite)
    probs = np.full((len(rows["colour"]), 3), 1 / 3, np.float32)
    match kind:
        case "dtype":
            wrong: np.ndarray = probs.astype(np.float64)
        case "shape":
            wrong = probs[:, :2]
        case "scalar":
            wrong = np.array(1.0, np.float32)
        case "negative":
            wrong = probs * np.array([-1, 2, 2], np.float32)
        case "nan":
            wrong = probs * np.nan
        case _:
            wrong = probs * 2
    write_answers(tmp_path, {"colour": wrong}, rows)
    with pytest.raises(PetMtlError, match=r"no probabilities|other training rows"):
        read_answers(tmp_path, suite, rows)
