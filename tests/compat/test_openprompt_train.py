"""Training with OpenPrompt itself: our rows in steps of one task, our losses where it can have
them, runs that go on where they were stopped."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toys

from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.compat import openprompt_train
from pet_mtl.compat.openprompt_import import INSTALL, missing_packages
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.model.hardware import Machine
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.stepping.optimizer_step import OptimizerStep
from pet_mtl.storage.state import Progress
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite
from pet_mtl.training.result import TrainResult
from pet_mtl.training.run import train

installed = pytest.mark.skipif(bool(missing_packages()), reason=INSTALL)
TEXTS = ["真的好", "不好", "it is good", "bad news", "体育新闻", "天气"]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    tokenizer = toys.word_piece_tokenizer()
    tokenizer.save_pretrained(folder)
    toys.build_mlm("bert", len(tokenizer)).save_pretrained(folder)
    return folder


def suite_of(backbone: object, tasks: Sequence[str] = ("a", "b"), **train: object) -> Suite:
    words = {"0": ["好", "good"], "1": ["坏"], "2": ["Bad"]}
    made = [
        toys.make_task(["{one}。{mask}", "{mask}：{one}"][: 1 + (name == "b")], words, name=name)
        for name in tasks
    ]
    settings = {
        "max_length": 32,
        "precision": "fp32",
        "dropout": 0.0,
        "warmup": 0.0,
        "learning_rate": 1e-2,
    } | train
    return Suite(
        name="toy",
        model=str(backbone),
        tasks={task.name: task for task in made},
        train=TrainSettings(**settings),  # type: ignore[arg-type]
        sampling=SamplingSettings(),
        source="toy.yaml",
        base="/",
    )


def rows_of(count: int, texts: Sequence[str] = TEXTS) -> Rows:
    labels = [number % len(texts) % 3 for number in range(count)]
    return Rows.of({"one": [texts[number % len(texts)] for number in range(count)]}, labels=labels)


def data_of(suite: Suite, *counts: int) -> dict[str, TaskData]:
    made = {name: rows_of(count) for name, count in zip(suite.tasks, counts, strict=True)}
    return {name: TaskData(rows, row_keys(rows), dev=rows_of(6)) for name, rows in made.items()}


def prompts_of(suite: Suite, *counts: int) -> Prompts:
    rows = {name: rows_of(count) for name, count in zip(suite.tasks, counts, strict=True)}
    return encode_suite(suite.tasks, rows, toys.piece_tokenizer("wordpiece"), 32)


def test_an_epoch_has_our_rows_in_steps_of_one_task() -> None:
    prompts = prompts_of(suite_of("none"), 90, 30)
    settings = {"temperature": 0.5, "batch_tokens": 100, "seed": 3}
    ours, theirs = (
        Schedule(prompts, **settings),
        openprompt_train.OneTaskSchedule(prompts, **settings),
    )  # type: ignore[arg-type]
    for number in range(3):
        steps = theirs.epoch(number)
        assert all(len(set(prompts.form[plan.items])) == 1 for plan in steps)
        expected = np.concatenate([plan.items for plan in ours.epoch(number)])
        assert sorted(np.concatenate([plan.items for plan in steps])) == sorted(expected)
        assert len(steps) == pytest.approx(len(ours.epoch(number)), abs=4)  # ours count padding
    order = [prompts.forms[prompts.form[plan.items[0]]].task for plan in theirs.epoch(0)]
    assert order != sorted(order)
    assert [plan.items.tolist() for plan in theirs.epoch(1)] == [
        plan.items.tolist() for plan in theirs.epoch(1)
    ]


def test_no_step_is_empty() -> None:
    prompts = prompts_of(suite_of("none", tasks=("a",)), 3)
    schedule = openprompt_train.OneTaskSchedule(prompts, temperature=1, batch_tokens=1, seed=0)
    assert [len(plan.items) for plan in schedule.epoch(0)] == [1, 1, 1]


def both(suite: Suite, tmp_path: Path, *counts: int) -> tuple[TrainResult, TrainResult]:
    data = data_of(suite, *counts)
    ours = train(suite, tmp_path / "ours", data=data)
    return ours, openprompt_train.train_with_openprompt(suite, tmp_path / "theirs", data=data)


@installed
def test_one_task_trains_as_ours_does(backbone: Path, tmp_path: Path) -> None:
    """All rows in each step, one-piece words, no dropout: the same gradients, so the same steps."""
    suite = suite_of(
        backbone, tasks=("a",), epochs=3.0, batch_tokens=2000, evaluate_every=1, warmup=0.4
    )
    ours, theirs = both(suite, tmp_path, 36)
    assert (theirs.steps, theirs.best_step) == (ours.steps, ours.best_step) == (3, ours.best_step)
    assert theirs.scores["a"].macro_f1 == pytest.approx(ours.scores["a"].macro_f1)
    assert theirs.predicted["a"].tolist() == ours.predicted["a"].tolist()
    assert theirs.parameters == ours.parameters
    losses = [
        [
            record["loss"]["a"]
            for record in map(json.loads, (out.read_text().splitlines()))
            if "loss" in record
        ]
        for out in (tmp_path / "ours" / "metrics.jsonl", tmp_path / "theirs" / "metrics.jsonl")
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)


@installed
def test_a_row_of_several_windows_is_learned_from_once(backbone: Path, tmp_path: Path) -> None:
    suite = suite_of(backbone, tasks=("a",), epochs=1.0)
    windows = suite.tasks["a"].model_copy(update={"long_text": "windows"})
    suite = suite.model_copy(update={"tasks": {"a": windows}})
    data = TaskData(rows := rows_of(6, ["真的好" * 40, "不好"]), row_keys(rows), dev=rows_of(6))
    openprompt_train.train_with_openprompt(suite, tmp_path / "out", data={"a": data})
    records = [*map(json.loads, (tmp_path / "out" / "metrics.jsonl").read_text().splitlines())]
    assert [record["rows"] for record in records if "loss" in record] == [6]


@installed
def test_several_tasks(backbone: Path, tmp_path: Path) -> None:
    suite = suite_of(backbone, epochs=8.0, batch_tokens=200)
    found = openprompt_train.train_with_openprompt(
        suite, tmp_path / "out", data=data_of(suite, 24, 12)
    )
    assert set(found.scores) == {"a", "b"}
    assert min(score.macro_f1 for score in found.scores.values()) > 0.5  # it learns
    assert found.samples_per_second > 0
    again = openprompt_train.train_with_openprompt(
        suite, tmp_path / "again", data=data_of(suite, 24, 12)
    )
    assert {name: labels.tolist() for name, labels in again.predicted.items()} == {
        name: labels.tolist() for name, labels in found.predicted.items()
    }


@installed
@pytest.mark.parametrize("evaluate_every", [3, 100])
def test_stopped_and_resumed_is_the_same_run(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evaluate_every: int
) -> None:
    suite = suite_of(
        backbone, epochs=8.0, batch_tokens=200, dropout=0.1, evaluate_every=evaluate_every
    )
    data, folder = data_of(suite, 24, 12), tmp_path / "stopped"
    whole = openprompt_train.train_with_openprompt(suite, tmp_path / "whole", data=data)
    with monkeypatch.context() as patch:
        patch.setattr(
            openprompt_train._Steps,
            "anyone",
            lambda steps, flag: steps.progress.step % 4 == 0 or steps.progress.finished,
        )
        for step in range(4, whole.steps + 5, 4):
            stopped = f"stopped after step {min(step, whole.steps)} of {whole.steps}; the state is"
            with pytest.raises(Interrupted, match=stopped):
                openprompt_train.train_with_openprompt(suite, folder, data=data, resume=step > 4)
            if step >= whole.steps:
                break
    done = openprompt_train.train_with_openprompt(suite, folder, data=data, resume=True)
    assert (done.steps, done.best_step) == (whole.steps, whole.best_step)
    assert {name: labels.tolist() for name, labels in done.predicted.items()} == {
        name: labels.tolist() for name, labels in whole.predicted.items()
    }
    for file in (
        "checkpoint/model.safetensors",
        "last/model.safetensors",
        "last/optimizer.safetensors",
        "metrics.jsonl",
    ):
        assert (folder / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


@installed
def test_a_run_of_other_prompts_does_not_go_on(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights alone tell a backbone: its vocabulary may have been written anew since."""
    folder = shutil.copytree(backbone, tmp_path / "backbone")
    suite = suite_of(folder, batch_tokens=200)
    data, out = data_of(suite, 24, 12), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(openprompt_train._Steps, "anyone", lambda steps, flag: True)
        with pytest.raises(Interrupted):
            openprompt_train.train_with_openprompt(suite, out, data=data)
    stored = (out / "last" / "training.json").read_bytes()
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["真"], vocabulary["的"] = vocabulary["的"], vocabulary["真"]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(PetMtlError, match="this is not the run that is in the folder"):
        openprompt_train.train_with_openprompt(suite, out, data=data, resume=True)
    assert (out / "last" / "training.json").read_bytes() == stored


@installed
def test_diverged(backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = suite_of(backbone)
    kind = SimpleNamespace(loss=lambda scores, *_: scores.sum() * float("nan"))
    monkeypatch.setattr(openprompt_train, "kind_of_form", lambda form: kind)
    with pytest.raises(RunError, match="not a number"):
        openprompt_train.train_with_openprompt(suite, tmp_path / "nan", data=data_of(suite, 24, 12))


def test_weights_that_are_no_numbers_stop_it_after_its_last_step() -> None:
    steps = object.__new__(openprompt_train._Steps)
    model = torch.nn.Linear(2, 1)
    steps.loaded = SimpleNamespace(mlm=model)  # type: ignore[assignment]
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    steps._frame = OptimizerStep(model, torch.optim.SGD(model.parameters(), lr=1.0), machine)
    steps.progress, steps._epoch, steps._losses = Progress(step=3), 0, {"a": [3.0, 2]}
    assert steps.record(whole=True)["loss"] == {"a": 1.5}
    torch.nn.init.constant_(steps.loaded.mlm.weight, float("nan"))
    steps.record(whole=False)
    with pytest.raises(RunError, match=r"not a number any more \(step 3\)"):
        steps.record(whole=True)
