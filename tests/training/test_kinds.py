"""Other kinds of task in whole runs: stored, stopped, scored, predicted and tried."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stopped_runs import assert_same_state, stop_at_step
from toy_kinds import write_kinds
from toy_runs import state_of

import pet_mtl
from pet_mtl.errors import PetMtlError
from pet_mtl.report.run import report_run
from pet_mtl.scoring.checkpoint_scores import score_checkpoints, score_models
from pet_mtl.scoring.prediction_files import predict_files
from pet_mtl.scoring.records import Details
from pet_mtl.scoring.thresholds import cross_fitted
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.average import average_checkpoints
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.storage.outputs import TEACHER
from pet_mtl.storage.tensors import read_arrays
from pet_mtl.suite.suite import load_suite
from pet_mtl.training import steps
from pet_mtl.training.result import TrainResult
from pet_mtl.training.run import train
from pet_mtl.words.loaded import load
from pet_mtl.words.results import tried_json
from pet_mtl.words.suggest.run import suggest
from pet_mtl.words.try_words import WordTrial

Run = tuple[Path, TrainResult]


@pytest.fixture(scope="module")
def kinds_file(tmp_path_factory: pytest.TempPathFactory, toy_backbone: Path) -> Path:
    return write_kinds(tmp_path_factory.mktemp("kinds"), toy_backbone)


@pytest.fixture(scope="module")
def run(kinds_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("run") / "run"
    return out, train(load_suite(kinds_file), out, report=report_run)


def test_a_run_scores_each_task_in_its_own_way(run: Run) -> None:
    out, result = run
    printed = json.loads(json.dumps(result.to_json()))
    assert {"micro_f1", "macro_f1", "exact_match"} <= printed["tasks"]["marks"].keys()
    assert {"pearson", "spearman"} <= printed["tasks"]["alike"].keys()
    assert {"mae", "macro_f1"} <= printed["tasks"]["stars"].keys()
    with_f1 = [
        printed["tasks"][name]["macro_f1"] for name in ("marks", "shares", "stars", "judged")
    ]
    assert printed["mean_macro_f1"] == pytest.approx(np.mean(with_f1))
    assert printed["mean_score"] == pytest.approx(
        np.mean([*with_f1, printed["tasks"]["alike"]["pearson"]])
    )
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    dev = next(record["dev"] for record in records if "dev" in record)
    assert list(dev["alike"]) == ["pearson", "spearman", "mae"]
    page = (out / "report.html").read_text(encoding="utf-8")
    for shown in ("exact match", "Predicted over gold", "mean absolute error", "thresholds"):
        assert shown in page


def test_thresholds_are_fitted_and_stored(run: Run) -> None:
    out, _ = run
    tasks = read_checkpoint(out / "checkpoint").suite.tasks
    fitted = tasks["shares"].thresholds
    assert fitted is not None
    assert len(fitted) == 3
    assert all(0 < threshold < 1 for threshold in fitted)
    assert tasks["marks"].thresholds is None  # its `no` words stand for them
    assert json.loads((out / "checkpoint" / "pet_mtl.json").read_text())["suite"]["tasks"][
        "shares"
    ]["thresholds"] == list(fitted)


def test_the_checkpoint_scores_as_the_run_did(run: Run) -> None:
    out, result = run
    (score,) = score_checkpoints([out / "checkpoint"])
    for name, of_task in result.scores.items():
        for key, value in of_task.summary().items():
            assert score.tasks[name].summary()[key] == pytest.approx(value, abs=1e-6), (name, key)
    assert "calibration" not in score.to_json()["tasks"]["marks"]


def test_files_and_python_predict_alike(run: Run, kinds_file: Path, tmp_path: Path) -> None:
    out, result = run
    folder = kinds_file.parent
    data = {
        "marks": str(folder / "marks.dev.jsonl"),
        "alike": str(folder / "alike.dev.tsv"),
        "shares": str(folder / "shares.dev.tsv"),
    }
    predict_files(out / "checkpoint", data, tmp_path)
    predict_files(out / "checkpoint", data, tmp_path, output="csv")
    model = pet_mtl.load(out / "checkpoint")

    def lines(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]

    rows = [json.loads(line)["text"] for line in Path(data["marks"]).read_text().splitlines()]
    for line, prediction in zip(lines("marks"), model.predict(rows, task="marks"), strict=True):
        assert line["labels"] == list(prediction.labels)  # type: ignore[attr-defined]
        assert line["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-4)
    decided = np.array([[k in line["labels"] for k in "rbg"] for line in lines("marks")])
    assert (decided == result.predicted["marks"]).all()
    values = [line["value"] for line in lines("alike")]
    assert values == pytest.approx(result.predicted["alike"].tolist(), abs=1e-4)
    with (tmp_path / "shares.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["labels"] for row in table] == [
        "|".join(line["labels"]) or "[]" for line in lines("shares")
    ]
    with pytest.raises(PetMtlError, match="one label a row"):
        predict_files(out / "checkpoint", data, tmp_path, output="tianchi")


def test_a_stopped_run_ends_as_an_unbroken_one(
    run: Run, kinds_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    stop_at = stop_at_step(monkeypatch)
    suite = load_suite(kinds_file)
    stop_at(6)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(run[0]))


@pytest.mark.parametrize("method", ["heads", "cln"])
def test_other_methods_train_all_kinds(kinds_file: Path, tmp_path: Path, method: str) -> None:
    tasks = ["marks", "shares", "alike", "stars", *(["judged"] if method == "cln" else [])]
    suite = load_suite(kinds_file, method=method, overrides=["train.max_steps=2"], only=tasks)
    result = train(suite, tmp_path / "run", report=report_run)
    (score,) = score_checkpoints([tmp_path / "run" / "checkpoint"])
    for name, of_task in result.scores.items():
        assert score.tasks[name].summary() == pytest.approx(of_task.summary(), abs=1e-6)


def test_a_teacher_of_all_kinds(run: Run, kinds_file: Path, tmp_path: Path) -> None:
    suite = load_suite(kinds_file, overrides=["train.max_steps=2", "train.label_share=0.5"])
    result = train(suite, tmp_path / "run", teachers=[run[0] / "checkpoint"])
    assert set(result.scores) == set(suite.tasks)


def test_what_predict_writes_teaches_kinds_with_labels(
    run: Run, kinds_file: Path, tmp_path: Path
) -> None:
    suite = load_suite(kinds_file, overrides=["train.max_steps=1"])
    named = {"marks": "jsonl", "shares": "tsv", "stars": "tsv", "judged": "tsv"}
    files = {name: str(kinds_file.parent / f"{name}.train.{form}") for name, form in named.items()}
    predict_files(
        run[0] / "checkpoint",
        files,
        tmp_path,
        calibration="none",
        details=Details(probabilities=True, text=True),
    )
    soft = [f"tasks.{name}.data.soft_labels={tmp_path / name}.jsonl" for name in named]
    train(load_suite(kinds_file, overrides=["train.max_steps=1", *soft]), tmp_path / "soft")
    train(suite, tmp_path / "taught", teachers=[run[0] / "checkpoint"])
    said, wanted = (read_arrays(tmp_path / name / TEACHER) for name in ("soft", "taught"))
    assert said.keys() == named.keys()
    for name in named:
        np.testing.assert_allclose(said[name], wanted[name], atol=5e-6)


def test_without_training_thresholds_are_fitted_on_the_scored_rows(
    kinds_file: Path, toy_backbone: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pet_mtl")
    (score,) = score_models([str(toy_backbone)], load_suite(kinds_file))
    assert set(score.tasks) == {"marks", "shares", "alike", "stars", "judged"}
    assert "shares: its thresholds are fitted on the scored rows themselves" in caplog.text
    assert "marks: its thresholds" not in caplog.text
    assert set(score.calibrated) == {"stars", "judged"}


@pytest.mark.parametrize("dev", [True, False])
def test_own_thresholds_are_kept_by_all_that_fits_thresholds(
    kinds_file: Path,
    toy_backbone: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    dev: bool,
) -> None:
    own = (0.9, 0.35, 0.3)
    changes = [f"tasks.shares.thresholds={list(own)}", "train.max_steps=4"]
    if not dev:
        changes.append("tasks.shares.data={train: shares.train.tsv}")
    suite = load_suite(kinds_file, overrides=changes, only=["shares"])
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    stop_at = stop_at_step(monkeypatch)
    stop_at(2)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    train(suite, tmp_path / "run", resume=True, report=report_run)
    checkpoint = tmp_path / "run" / "checkpoint"
    assert read_checkpoint(checkpoint).suite.tasks["shares"].thresholds == own
    data = {"shares": str(kinds_file.parent / "shares.dev.tsv")}
    predict_files(checkpoint, data, tmp_path)
    for line in map(json.loads, (tmp_path / "shares.jsonl").read_text().splitlines()):
        chosen = [
            k for k, least in zip("rbg", own, strict=True) if line["probabilities"][k] >= least
        ]
        assert line["labels"] == chosen
    if dev:
        caplog.set_level("INFO", logger="pet_mtl")
        score_models([str(toy_backbone)], suite)
        assert "thresholds are fitted" not in caplog.text
        tried = WordTrial(load(None, str(checkpoint)), {"shares": ()}, place=tmp_path / "cache")
        assert tried.run()["shares"].own.task.thresholds == own
        assert "are fitted on" not in caplog.text


def test_own_and_other_words_are_tried_with_thresholds_by_one_rule(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that a checkpoint stores were fitted for its own words, and would flatter or harm these
    beside others: all are fitted on rows that they do not decide."""
    caplog.set_level("INFO", logger="pet_mtl")
    same, other = tmp_path / "same.txt", tmp_path / "other.txt"
    same.write_text("r 红\nb 蓝\ng 绿\n", encoding="utf-8")
    other.write_text("r 火\nb 水\ng 木\n", encoding="utf-8")
    found = []
    for number, stored in enumerate(([0.3, 0.5, 0.7], [0.9, 0.9, 0.9])):
        checkpoint = with_task(run, tmp_path / str(number), thresholds=stored)
        trial = WordTrial(
            load(None, str(checkpoint)), {"shares": (same, other)}, place=tmp_path / "cache"
        )
        tried = trial.run()["shares"]
        np.testing.assert_array_equal(tried.own.predicted, tried.files[0].predicted)
        found.append([each.predicted for each in (tried.own, *tried.files)])
        task = trial.loaded.suite.tasks["shares"]
        expected = cross_fitted(task, tried.own.rows, trial.log_probs(task))
        np.testing.assert_array_equal(tried.own.predicted, expected)
    np.testing.assert_array_equal(*found)
    assert caplog.text.count("shares: the thresholds of each fifth of the rows are fitted") == 2
    assert "fitted on the scored rows" not in caplog.text


@pytest.mark.parametrize(
    ("task", "words", "message"),
    [
        ("judged", "up 喜\ndown 无\nflat 悲伤 无\n", "make the same hypothesis"),
        ("marks", "r 红 同\nb 蓝\ng 绿\n", "of `no` is a label word too"),
    ],
)
def test_other_words_must_go_with_the_kind(
    run: Run, tmp_path: Path, task: str, words: str, message: str
) -> None:
    file = tmp_path / "words.txt"
    file.write_text(words, encoding="utf-8")
    with pytest.raises(PetMtlError, match=message) as caught:
        load(None, str(run[0] / "checkpoint"), verbalizers={task: file})
    assert str(file) in str(caught.value)


def test_words_are_tried_in_every_kind(run: Run, kinds_file: Path, tmp_path: Path) -> None:
    out, result = run
    words = {
        "marks": "r 火\nb 水\ng 木\n",
        "alike": "low 天\nhigh 地\n",
        "judged": "up 火\ndown 水\nflat 木\n",
    }
    files = {}
    for name, text in words.items():
        files[name] = (tmp_path / f"{name}.txt",)
        files[name][0].write_text(text, encoding="utf-8")
    trial = WordTrial(load(None, str(out / "checkpoint")), files, place=tmp_path / "cache")
    tried = trial.run()
    for name in words:
        own, expected = tried[name].own.score.summary(), result.scores[name].summary()
        assert own == pytest.approx(expected, abs=1e-4), name
        (change,) = tried[name].changes()
        assert len(change.flips(5)) <= 5
        assert set(change.flips(1)[0]) == {"row", "text", "gold", "before", "after", "change"}
    printed = json.loads(json.dumps(tried_json(tried, model="toy", zero_shot=False)))
    assert {"micro_f1", "exact_match", "change"} <= printed["tasks"]["marks"][0].keys()


def test_thresholds_are_averaged_with_the_weights(run: Run, tmp_path: Path) -> None:
    folder = run[0] / "checkpoint"
    average_checkpoints([folder, folder], tmp_path / "mean")
    one, both = (
        read_checkpoint(f).suite.tasks["shares"].thresholds for f in (folder, tmp_path / "mean")
    )
    assert one == pytest.approx(both)


def with_task(run: Run, out: Path, **changes: Any) -> Path:
    """Copy a run's checkpoint and change its task `shares`; None removes a key."""
    shutil.copytree(run[0] / "checkpoint", out)
    manifest = json.loads((out / "pet_mtl.json").read_text(encoding="utf-8"))
    task = manifest["suite"]["tasks"]["shares"] | changes
    known = {key: value for key, value in task.items() if value is not None}
    manifest["suite"]["tasks"]["shares"] = known
    (out / "pet_mtl.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    return out


def test_thresholds_of_some_are_averaged_and_given_ones_must_agree(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [
        with_task(run, tmp_path / "none", thresholds=None),
        with_task(run, tmp_path / "low", thresholds=[0.2, 0.4, 0.6]),
        with_task(run, tmp_path / "high", thresholds=[0.4, 0.4, 0.8]),
    ]
    average_checkpoints(folders, tmp_path / "mean")
    mean = read_checkpoint(tmp_path / "mean").suite.tasks["shares"].thresholds
    assert mean == pytest.approx((0.3, 0.4, 0.7))
    assert "shares, the mean of 2, the others have none" in capsys.readouterr().err
    given = [
        with_task(run, tmp_path / f"given{n}", threshold=0.5, thresholds=[0.2, 0.4, n / 10])
        for n in (6, 8)
    ]
    with pytest.raises(PetMtlError, match=r"given8: has other .* thresholds or method than"):
        average_checkpoints(given, tmp_path / "of-given")
    average_checkpoints([given[0], given[0]], tmp_path / "of-given")


@pytest.mark.parametrize("task", ["marks", "shares"])
def test_words_are_suggested_for_sets(run: Run, task: str) -> None:
    found = suggest(load(None, str(run[0] / "checkpoint")), task, most=2).to_json()
    assert (found["calibration"], list(found["labels"])) == ("none", ["r", "b", "g"])
    for of_label in found["labels"].values():
        for each in of_label["suggestions"]:
            assert each["word"] not in "红蓝绿同"
            assert each["gain_ci95"][0] <= each["gain"] <= each["gain_ci95"][1]


def test_what_tells_labels_apart_refuses_numbers(run: Run) -> None:
    with pytest.raises(PetMtlError, match="for `multi_label`, not for `kind: similarity`"):
        suggest(load(None, str(run[0] / "checkpoint")), "alike")


def test_a_classifier_states_no_labels(kinds_file: Path, tmp_path: Path) -> None:
    suite = load_suite(kinds_file, method="heads")
    with pytest.raises(PetMtlError, match="states labels in patterns"):
        train(suite, tmp_path / "run")
