"""`train` from end to end on toy tasks: what is written, what is best, what stops it."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import epoch_steps, state_of, weights_in

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.metrics.classification import TaskScore
from pet_mtl.model.hardware import Machine
from pet_mtl.report.run import report_run
from pet_mtl.scoring import checkpoint_scores
from pet_mtl.scoring.loaded import build_model, compile_suite
from pet_mtl.scoring.log_probs import score_items, score_plans, task_log_probs
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import run, steps, trainer
from pet_mtl.training.result import FinishedRun
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]


def records_of(out: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def evaluations(out: Path) -> list[int]:
    return [record["step"] for record in records_of(out) if "dev" in record]


@pytest.fixture
def scores_of(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, np.ndarray]]:
    """Collect the dev log-probabilities that `train` computes scores from."""
    seen: list[Mapping[str, np.ndarray]] = []
    real = trainer.score_rows

    def spy(suite: Suite, rows: Any, log_probs: Mapping[str, np.ndarray]) -> Any:
        seen.append({name: values.copy() for name, values in log_probs.items()})
        return real(suite, rows, log_probs)

    for module in (trainer, checkpoint_scores):
        monkeypatch.setattr(module, "score_rows", spy)
    monkeypatch.setattr(run, "calibrate", lambda *_: {})  # tests/training/test_calibrate.py
    return seen


def test_what_auto_stood_for_is_said_and_stored(
    make_suite: MakeSuite, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = make_suite(max_steps=1)
    model = Path(given.model)
    suite = make_suite(max_steps=1, learning_rate="auto")
    with caplog.at_level("INFO", "pet_mtl"):
        train(suite, tmp_path / "run")
    (said,) = (line for line in caplog.messages if line.startswith("train.learning_rate: 0.0004"))
    assert model.name in said
    stored = read_checkpoint(tmp_path / "run" / "checkpoint").suite
    assert (stored.train.learning_rate, list(stored.chosen)) == (4e-4, ["learning_rate"])
    with pytest.raises(PetMtlError, match="learning_rate` changed"):
        train(given, tmp_path / "run", resume=True)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_best_checkpoint_is_the_best_and_scores_from_disk_as_it_did_in_training(
    make_suite: MakeSuite, tmp_path: Path, scores_of: list[Mapping[str, np.ndarray]], precision: str
) -> None:
    suite, out = (
        make_suite(epochs=9, max_steps=24, evaluate_every=4, dropout=0.1, precision=precision),
        tmp_path / "run",
    )
    result = train(suite, out)
    assert result.steps == 24
    assert evaluations(out) == [4, 8, 12, 16, 20, 24]

    dev = [record for record in records_of(out) if "dev" in record]
    metric = {name: task.metric for name, task in suite.tasks.items()}  # accuracy for one of them
    means = [np.mean([record["dev"][name][metric[name]] for name in metric]) for record in dev]
    best = int(np.argmax(means))
    assert result.best_step == dev[best]["step"]
    stored = read_checkpoint(out / "checkpoint")
    assert stored.suite == suite
    assert stored.metrics == {"step": result.best_step, "tasks": dev[best]["dev"]}
    assert {n: s.macro_f1 for n, s in result.scores.items()} == {
        n: s["macro_f1"] for n, s in dev[best]["dev"].items()
    }
    assert dev[best]["mean_macro_f1"] == pytest.approx(
        np.mean([s.macro_f1 for s in result.scores.values()])
    )

    machine = Machine.choose(precision, "auto", torch.device("cpu"))
    tokenizer = PieceTokenizer(load_tokenizer(str(out / "checkpoint")))
    mlm = load_masked_lm(str(out / "checkpoint"), attention=machine.attention.value)
    rows = {
        name: data.dev
        for name, data in load_suite_data(stored.suite).items()
        if data.dev is not None
    }
    prompts = encode_suite(stored.suite.tasks, rows, tokenizer, stored.suite.train.max_length)
    model = build_model(mlm, compile_suite(stored.suite, tokenizer), stored.suite, machine)
    again = task_log_probs(
        prompts, score_items(model, prompts, score_plans(prompts, machine), machine, tokenizer)
    )
    assert set(again) == set(scores_of[best])
    for name, values in again.items():
        np.testing.assert_array_equal(values, scores_of[best][name])
        np.testing.assert_array_equal(values, scores_of[-1][name])  # what the report is made of


def test_the_outputs(make_suite: MakeSuite, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = train(make_suite(epochs=1), out, report=report_run)
    assert sorted(path.name for path in out.iterdir()) == [
        "checkpoint",
        "last",
        "metrics.jsonl",
        "report.html",
    ]
    told = result.to_json()
    json.dumps(told)
    assert told["out"] == str(out)
    assert told["checkpoint"] == str(out / "checkpoint")
    assert told["steps"] == epoch_steps(make_suite())
    assert set(told["tasks"]) == {"colour", "mood", "pair"}
    assert told["tasks"]["colour"]["examples"] == 19
    assert told["mean_macro_f1"] == pytest.approx(
        np.mean([s["macro_f1"] for s in told["tasks"].values()])
    )
    assert (
        min(
            told["samples_per_second"],
            told["tokens_per_second"],
            told["peak_memory_gb"],
            told["seconds"],
        )
        > 0
    )
    first = records_of(out)[0]
    assert set(first) == {"step", "epoch", "loss", "learning_rate", "rows", "seconds"}
    assert first["step"] == 10
    rows = sum(len(data.train) for data in load_suite_data(make_suite()).values())
    assert records_of(out)[-2]["rows"] == pytest.approx(
        rows, abs=2
    )  # the draws of an epoch are rounded by task


def test_one_seed_one_result(make_suite: MakeSuite, tmp_path: Path) -> None:
    for number, seed in enumerate([1, 1, 2]):
        torch.manual_seed(number)
        train(make_suite(max_steps=5, dropout=0.3, seed=seed), tmp_path / str(number))
    first, second, third = (state_of(tmp_path / str(number)) for number in range(3))
    assert_same_state(second, first)
    name = "last/model.safetensors/bert.embeddings.word_embeddings.weight"
    assert not torch.equal(third[name], first[name])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "evaluated"),
    [
        ({"epochs": 1}, lambda n: [n]),
        ({"epochs": 2}, lambda n: [n, 2 * n]),
        ({"epochs": 1.5}, lambda n: [n, n + round(n / 2)]),
        ({"epochs": 0.25}, lambda n: [round(n / 4)]),
        ({"epochs": 0.001}, lambda n: [1]),
        ({"epochs": 2, "max_steps": 5}, lambda n: [5]),
        ({"epochs": 0.25, "max_steps": 50}, lambda n: [round(n / 4)]),
        ({"epochs": 1, "evaluate_every": 4}, lambda n: sorted({*range(4, n, 4), n})),
        ({"epochs": 1, "evaluate_every": 5}, lambda n: sorted({*range(5, n, 5), n})),
        ({"epochs": 1, "evaluate_every": 100}, lambda n: [n]),
        ({"epochs": 2, "max_steps": 3, "evaluate_every": 1}, lambda n: [1, 2, 3]),
    ],
)
def test_how_long_and_when(
    make_suite: MakeSuite,
    tmp_path: Path,
    settings: dict[str, Any],
    evaluated: Callable[[int], list[int]],
) -> None:
    result = train(make_suite(**settings), tmp_path / "run")
    expected = evaluated(epoch_steps(make_suite()))
    assert evaluations(tmp_path / "run") == expected
    assert result.steps == expected[-1]


@pytest.fixture
def dev_scores(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[float]], None]:
    """Return a function that sets what the evaluations find, one after the other."""
    real = trainer.score_rows

    def script(values: Sequence[float]) -> None:
        left = list(values)

        def fake(*arguments: Any) -> dict[str, TaskScore]:
            value = left.pop(0)
            return {
                n: replace(s, macro_f1=value, accuracy=value) for n, s in real(*arguments).items()
            }

        monkeypatch.setattr(trainer, "score_rows", fake)

    return script


@pytest.mark.parametrize(
    ("patience", "found", "steps", "best"),
    [
        (1, [0.1, 0.2, 0.2], 3, 2),  # as good is not better
        (2, [0.1, 0.3, 0.2, 0.25], 4, 2),
        (2, [0.3, 0.2, 0.4, 0.1, 0.4], 5, 3),  # a better one starts the count anew
        (2, [0.0, 0.0, 0.0], 3, 1),
        (9, [0.1, 0.0, 0.0, 0.0, 0.0, 0.0], 6, 1),
        (None, [0.1, 0.0, 0.0, 0.0, 0.2, 0.0], 6, 5),
    ],
)
def test_early_stop(
    make_suite: MakeSuite,
    tmp_path: Path,
    dev_scores: Callable[[Sequence[float]], None],
    patience: int | None,
    found: list[float],
    steps: int,
    best: int,
) -> None:
    suite, out = make_suite(max_steps=6, evaluate_every=1, early_stop=patience), tmp_path / "run"
    dev_scores(found)
    result = train(suite, out)
    assert (result.steps, result.best_step) == (steps, best)
    assert read_checkpoint(out / "checkpoint").metrics["step"] == best
    assert read_checkpoint(out / "last").metrics["step"] == steps
    dev_scores([])
    assert train(suite, out, resume=True).steps == steps  # stopped early is finished


def test_a_quarter_of_the_evaluations_that_there_are(
    make_suite: MakeSuite, tmp_path: Path, dev_scores: Callable[[Sequence[float]], None]
) -> None:
    suite = make_suite(max_steps=20, epochs=9, evaluate_every=1, early_stop="auto")
    dev_scores([0.9, *[0.1] * 19])
    assert train(suite, tmp_path / "run").steps == 1 + 20 / 4


def test_early_stop_counts_on_after_a_resume(
    make_suite: MakeSuite,
    tmp_path: Path,
    dev_scores: Callable[[Sequence[float]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`auto`: the fifth evaluation far below the best ends the run, stopped in between or not."""
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    suite = make_suite(max_steps=9, evaluate_every=1, early_stop="auto")
    found = [0.5, 0.9, *[0.1] * 7]
    dev_scores(found)
    whole = train(suite, tmp_path / "whole")
    assert (whole.steps, whole.best_step) == (7, 2)
    stop_at = stop_at_step(monkeypatch)
    stop_at(4)
    dev_scores(found)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    done = len(evaluations(tmp_path / "run"))
    assert 2 < done < 7
    stop_at(0)
    dev_scores(found[done:])
    result = train(suite, tmp_path / "run", resume=True)
    assert (result.steps, result.best_step) == (7, 2)
    again, last = weights_in(tmp_path / "run" / "last"), weights_in(tmp_path / "whole" / "last")
    assert all(torch.equal(again[name], value) for name, value in last.items())


def test_after_training_the_model_is_the_best_one(
    make_suite: MakeSuite,
    tmp_path: Path,
    dev_scores: Callable[[Sequence[float]], None],
) -> None:
    """The report looks into the model: it must be the checkpoint's, not the last step's."""
    seen: dict[str, torch.Tensor] = {}

    def report(finished: FinishedRun) -> None:
        model: Any = finished.model
        seen.update(
            {name: value.detach().clone() for name, value in model.backbone.mlm.named_parameters()}
        )

    dev_scores([0.1, 0.3, 0.2])
    train(make_suite(max_steps=3, evaluate_every=1), tmp_path / "run", report=report)
    best = weights_in(tmp_path / "run" / "checkpoint")
    assert all(torch.equal(seen[name], value) for name, value in best.items())
    last = weights_in(tmp_path / "run" / "last")
    assert not all(torch.equal(seen[name], value) for name, value in last.items())


def test_without_dev_rows(suite_file: Path, tmp_path: Path) -> None:
    overrides = [f"tasks.{name}.data.dev=null" for name in ("colour", "mood", "pair")]
    suite = load_suite(
        suite_file, overrides=[*overrides, "train.max_steps=3", "train.early_stop=1"]
    )
    result = train(suite, tmp_path / "run")
    assert (result.scores, result.steps, result.best_step) == ({}, 3, 3)
    assert result.to_json()["mean_macro_f1"] is None
    checkpoint, last = (
        weights_in(tmp_path / "run" / "checkpoint"),
        weights_in(tmp_path / "run" / "last"),
    )
    assert all(torch.equal(checkpoint[name], value) for name, value in last.items())
    assert read_checkpoint(tmp_path / "run" / "checkpoint").metrics["step"] == 3
    assert evaluations(tmp_path / "run") == []
    again = train(suite, tmp_path / "run", resume=True)
    assert (again.scores, again.steps, again.best_step) == ({}, 3, 3)


def test_with_dev_rows_for_some_tasks(suite_file: Path, tmp_path: Path) -> None:
    overrides = [
        "tasks.colour.data.dev=null",
        "tasks.pair.data.dev={split: 0.3}",
        "train.max_steps=2",
    ]
    result = train(load_suite(suite_file, overrides=overrides), tmp_path / "run")
    assert set(result.scores) == {"mood", "pair"}


def test_it_learns(make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    train(make_suite(epochs=10, evaluate_every=1000, learning_rate=0.002), tmp_path / "run")
    losses = [
        sum(record["loss"].values()) / len(record["loss"])
        for record in records_of(tmp_path / "run")[:-1]
    ]
    assert np.mean(losses[-12:]) < 0.7 * np.mean(losses[:12])


def test_the_checkpoint_needs_neither_the_data_nor_the_backbone(
    suite_file: Path, toy_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pet_mtl.scoring.predictor import Predictor

    shutil.copytree(suite_file.parent, tmp_path / "suite")
    shutil.copytree(toy_backbone, tmp_path / "backbone")
    overrides = [f"model={tmp_path / 'backbone'}", "train.max_steps=1"]
    train(load_suite(tmp_path / "suite" / "toy.yaml", overrides=overrides), tmp_path / "run")
    (tmp_path / "run" / "checkpoint").rename(tmp_path / "alone")
    for name in ("suite", "backbone", "run"):
        shutil.rmtree(tmp_path / name)
    (prediction,) = Predictor(tmp_path / "alone").predict(["甲山水"], task="colour")
    assert prediction.label in ("r", "b", "g")
