"""Each loss term by itself: over tasks of every kind, stopped, in pieces, in two processes, under
every weighting and surgery, and with settings that are out of range."""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from processes import run_together
from stopped_runs import assert_same_state, stop_at_step
from test_processes import SCRIPT, compare
from toy_kinds import write_kinds
from toy_runs import state_of

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.collate import collate
from pet_mtl.data.suite_data import load_task
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.objectives.terms import Facts
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.suite.losses import LossSettings
from pet_mtl.suite.settings import SurgeryName, WeightingName
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.row_loss import RowLoss
from pet_mtl.training.run import train

TERMS = {
    "focal": "{focal: {gamma: 1.5}}",
    "class_weights": "{class_weights: {beta: 0.7}}",
    "hard_negatives": "{hard_negatives: {}}",
    "r_drop": "{r_drop: {alpha: 2}}",
    "adapet": "{adapet: {rate: 0.3}}",
    "contrastive": "{contrastive: {weight: 0.4}}",
    "mlm": "{mlm: {alpha: 0.3, rate: 0.3}}",
    "positions": "{mlm: {balance: positions}}",
    "alternating": "{mlm: {balance: alternating}}",
    "task_discriminator": "{task_discriminator: {weight: 0.5}}",
    "word_frequency": "{word_frequency: {weight: 0.5}}",
    "shuffle": "{shuffle: {weight: 0.5}}",
}
OF_LABELS = ("focal", "class_weights", "hard_negatives", "adapet", "contrastive")
SHORT = ["train.max_steps=4", "train.evaluate_every=2", "train.batch_tokens=150"]


@pytest.fixture(scope="module")
def kinds_file(tmp_path_factory: pytest.TempPathFactory, toy_backbone: Path) -> Path:
    return write_kinds(tmp_path_factory.mktemp("kinds"), toy_backbone)


def suite_of(file: Path, losses: str, *more: str, **options: Any) -> Suite:
    return load_suite(file, overrides=[*SHORT, f"train.losses={losses}", *more], **options)


def test_no_term_is_left_out() -> None:
    assert {name.split(":")[0].strip("{ ") for name in TERMS.values()} == set(
        LossSettings.model_fields
    )


@pytest.mark.parametrize("name", TERMS)
def test_tasks_of_every_kind_stopped_and_gone_on_with(
    kinds_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    suite = suite_of(kinds_file, TERMS[name])
    train(suite, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_at_step(patch)(3)
        with pytest.raises(Interrupted):
            train(suite, tmp_path / "run")
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "whole"))


@pytest.mark.parametrize("name", OF_LABELS)
def test_rows_without_one_label_are_left_alone(kinds_file: Path, tmp_path: Path, name: str) -> None:
    """Sets and numbers are learned as without the term: it neither adds nor takes their loss."""
    for run, losses in (("plain", "{}"), ("term", TERMS[name])):
        suite = suite_of(kinds_file, losses, "train.dropout=0.0", only=["marks", "alike"])
        train(suite, tmp_path / run)
    plain, term = (state_of(tmp_path / run) for run in ("plain", "term"))
    for key, value in plain.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(term[key], value, rtol=1e-3, atol=1e-4, msg=key)


def test_what_dtp_takes_for_right(kinds_file: Path) -> None:
    """Of every kind what its own decisions are worth: whole sets, numbers near the target."""
    suite = load_suite(kinds_file, overrides=["train.dropout=0.0"])
    for name in ("marks", "shares", "alike", "stars"):
        task = suite.tasks[name].model_copy(update={"patterns": suite.tasks[name].patterns[:1]})
        only = suite.model_copy(update={"tasks": {name: task}})
        loaded = LoadedModel(suite.model, only)
        rows = load_task(task, Path(suite.base), 0).train
        prompts = loaded.encode({name: rows})
        row_loss = RowLoss(prompts, only.train, torch.device("cpu"), {}, Facts(), judges=True)
        plan = BatchPlan(np.arange(len(rows)), 32, int(prompts.variants.sum()))
        ids = {"mask_id": loaded.tokenizer.mask_id, "pad_id": loaded.tokenizer.pad_id}
        batch = collate(prompts, plan, **ids)
        scores = loaded.model(batch)
        found = row_loss(batch, batch.groups[0], scores[0], None, 0, 1).right
        kind = kind_of(task)
        decided = kind.decide(loaded.raw_log_probs({name: rows})[name])
        assert found is not None
        assert found.tolist() == [kind.right(rows.gold, decided).sum(), len(rows)], name


PAIRS = [
    ("gradnorm", "none"),
    ("uncertainty", "pcgrad"),
    ("dwa", "mgda"),
    ("dtp", "cagrad"),
    ("gradnorm", "upgrad"),
]


def test_no_weighting_and_no_surgery_is_left_out() -> None:
    weightings, surgeries = map(set, zip(*PAIRS, strict=True))
    assert weightings == set(get_args(WeightingName)) - {"none"}
    assert surgeries == set(get_args(SurgeryName))


@pytest.mark.parametrize(("weighting", "surgery"), PAIRS)
def test_all_terms_under_each_weighting_and_surgery(
    kinds_file: Path, tmp_path: Path, weighting: str, surgery: str
) -> None:
    every = (
        "{focal: {}, class_weights: {}, hard_negatives: {}, r_drop: {}, adapet: {labels: 0.5}, "
        "contrastive: {}, mlm: {}, task_discriminator: {}, word_frequency: {}, shuffle: {}}"
    )
    more = [f"train.weighting={weighting}", f"train.surgery={surgery}", "train.max_steps=2"]
    suite = suite_of(kinds_file, every, *more, "train.ema=0.9")
    train(suite, tmp_path / "run")
    (record,) = (
        record
        for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
        if "terms" in (record := json.loads(line))
    )
    assert record["terms"].keys() == LossSettings.model_fields.keys()
    assert all(np.isfinite(mean) and mean > 0 for mean in record["terms"].values())
    assert record["weights"].keys() == suite.tasks.keys()
    moved = any(weight != 1 for weight in record["weights"].values())
    assert moved is (weighting in ("uncertainty", "dtp"))  # the others need more steps
    assert 0 <= record["conflicts"] <= 1


@pytest.mark.parametrize("method", ["pet", "cln"])
def test_all_terms_beside_teachers_and_rows_without_labels(
    kinds_file: Path, tmp_path: Path, method: str
) -> None:
    train(suite_of(kinds_file, "{}"), tmp_path / "teacher")
    texts = tmp_path / "more.tsv"
    texts.write_text("".join(f"山水{sign}\t\n" for sign in "丁戊己庚"), encoding="utf-8")
    every = "{focal: {}, r_drop: {}, adapet: {labels: 0.5}, contrastive: {}, mlm: {text: both}, "
    every += "task_discriminator: {}, word_frequency: {}, shuffle: {}}"
    more = [f"tasks.stars.data.unlabelled={texts}", "train.accumulate=2"]
    suite = suite_of(kinds_file, every, *more, method=method)
    result = train(suite, tmp_path / "run", teachers=[tmp_path / "teacher" / "checkpoint"])
    assert result.steps == 4


@pytest.mark.slow
def test_two_processes_are_one(suite_file: Path, tmp_path: Path) -> None:
    jobs = []
    for name, losses in TERMS.items():
        overrides = [*SHORT, f"train.losses={losses}"]
        train(load_suite(suite_file, overrides=overrides), tmp_path / "one" / name)
        jobs.append((str(suite_file), str(tmp_path / "two" / name), False, overrides))
    done = run_together(2, SCRIPT, json.dumps(jobs))
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    for name in TERMS:
        compare(tmp_path / "one" / name, tmp_path / "two" / name)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("focal.gamma", "-1"),
        ("focal.gamma", "two"),
        ("focal.gamma", ".nan"),
        ("focal", "2"),
        ("class_weights.beta", "3"),
        ("hard_negatives.gamma", "true"),
        ("r_drop.alpha", ".inf"),
        ("adapet.decoupled", "1e300"),
        ("adapet.own", "1.5"),
        ("contrastive.temperature", "1e-300"),
        ("contrastive.weight", "2"),
        ("mlm.rate", "0"),
        ("mlm.text", "all"),
        ("task_discriminator.width", "99999999"),
        ("task_discriminator.weight", "1e300"),
        ("task_discriminator.rises", "1"),
        ("word_frequency.weight", "-0.5"),
        ("shuffle.share", "1"),
        ("shuffle.learning_rate", "2"),
        ("margin.size", "1"),
    ],
)
def test_settings_out_of_range(suite_file: Path, tmp_path: Path, key: str, value: str) -> None:
    """Told before anything is read: with `-s` by its words, in a file by its line."""
    with pytest.raises(PetMtlError) as caught:
        load_suite(suite_file, overrides=[f"train.losses.{key}={value}"])
    (problem,) = caught.value.problems
    assert problem.where == f"-s train.losses.{key}={value}"
    name, _, setting = key.partition(".")
    section = f"  losses:\n    {name}: {{{setting}: {value}}}\n" if setting else (
        f"  losses:\n    {name}: {value}\n"
    )  # fmt: skip
    text = suite_file.read_text(encoding="utf-8") + section
    file = tmp_path / "wrong.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PetMtlError) as caught:
        load_suite(file)
    lines = {str(problem.where) for problem in caught.value.problems}
    assert f"{file}:{len(text.splitlines())}" in lines, lines
