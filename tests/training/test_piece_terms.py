"""Loss terms that read more than label scores, in whole runs: cut, stopped, over text without labels,
and where they change nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import state_of

from pet_mtl.data.keys import row_keys
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.trained_on import read_trained_on
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train
from pet_mtl.training.whole_step import WholeStep

MakeSuite = Callable[..., Suite]
EACH = {
    "adapet": "{adapet: {rate: 0.3}}",
    "contrastive": "{contrastive: {weight: 0.4}}",
    "mlm": "{mlm: {alpha: 0.3, rate: 0.3}}",
    "positions": "{mlm: {balance: positions}}",
    "alternating": "{mlm: {balance: alternating}}",
    "task_discriminator": "{task_discriminator: {weight: 0.5}}",
    "word_frequency": "{word_frequency: {weight: 0.5}}",
    "shuffle": "{shuffle: {weight: 0.5}}",
}
ALL = (
    "{adapet: {labels: 0.5}, contrastive: {}, mlm: {alpha: 0.2}, task_discriminator: {}, "
    "word_frequency: {}, shuffle: {}, r_drop: {}, focal: {gamma: 1}}"
)
NOTHING = (
    "{adapet: {decoupled: 0, conditioned: 0}, contrastive: {weight: 0}, mlm: {alpha: 0}, "
    "task_discriminator: {weight: 0}, word_frequency: {weight: 0}, shuffle: {weight: 0}}"
)


def records(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return {name: v for name, v in state_of(run).items() if isinstance(v, torch.Tensor)}


def test_terms_that_change_nothing_leave_every_bit(make_suite: MakeSuite, tmp_path: Path) -> None:
    train(make_suite(max_steps=3, dropout=0.2), tmp_path / "plain")
    train(make_suite(max_steps=3, dropout=0.2, losses=NOTHING), tmp_path / "nothing")
    assert_same_state(weights_of(tmp_path / "nothing"), weights_of(tmp_path / "plain"))


@pytest.mark.parametrize("name", EACH)
def test_accumulation_changes_no_result(make_suite: MakeSuite, tmp_path: Path, name: str) -> None:
    for run, pieces in (("whole", 1), ("cut", 3)):
        train(make_suite(max_steps=3, accumulate=pieces, losses=EACH[name]), tmp_path / run)
    whole = weights_of(tmp_path / "whole")
    for key, value in weights_of(tmp_path / "cut").items():
        torch.testing.assert_close(value, whole[key], rtol=2e-3, atol=5e-4, msg=key)
    one, other = (records(tmp_path / run)[0] for run in ("whole", "cut"))
    assert other["terms"] == pytest.approx(one["terms"], abs=1e-3)
    assert len(one["terms"]) == 1


@pytest.mark.parametrize("more", [{}, {"adversarial": 0.2, "surgery": "pcgrad"}])
def test_a_stopped_run_ends_as_an_unbroken_one(
    make_suite: MakeSuite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, object],
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    stop_at = stop_at_step(monkeypatch)
    settings = {"max_steps": 4, "epochs": 9, "dropout": 0.2, "accumulate": 2, "losses": ALL}
    suite = make_suite(**settings, **more)
    train(suite, tmp_path / "whole")
    stop_at(2)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "whole"))
    last = [records(tmp_path / run)[-2]["terms"] for run in ("whole", "run")]
    assert last[1] == last[0]
    assert len(last[0]) == 8


def test_both_passes_over_a_piece_draw_alike_and_each_piece_its_own() -> None:
    model: Any = SimpleNamespace(row_loss=SimpleNamespace(piece_terms={}))
    whole = WholeStep(model, None)

    def drawn(number: int) -> list[float]:
        whole.seed(7, number)
        found: list[float] = torch.rand(4).tolist()
        return found

    with torch.random.fork_rng():
        assert drawn(0) == drawn(0) != drawn(1)


def test_parameters_of_terms_are_kept_for_going_on_and_not_shipped(
    make_suite: MakeSuite, tmp_path: Path
) -> None:
    train(make_suite(max_steps=2), tmp_path / "plain")
    result = train(make_suite(max_steps=2, losses=ALL), tmp_path / "run")
    kept = load_file(tmp_path / "run" / "last" / "terms.safetensors")
    assert {name.split(".")[0] for name in kept} == {
        "task_discriminator",
        "word_frequency",
        "shuffle",
    }
    names = [
        sorted(file.name for file in (tmp_path / run / "checkpoint").iterdir())
        for run in ("plain", "run")
    ]
    assert names[0] == names[1]
    assert result.parameters.task_specific == 0


def test_a_term_learns_at_its_own_rate(make_suite: MakeSuite, tmp_path: Path) -> None:
    for name, rate in (("slow", 1e-6), ("fast", 1e-2)):
        losses = f"{{shuffle: {{weight: 0.1, learning_rate: {rate}}}}}"
        train(make_suite(max_steps=1, warmup=0, losses=losses), tmp_path / name)
    slow, fast = (
        load_file(tmp_path / name / "last" / "terms.safetensors")["shuffle.layer.weight"]
        for name in ("slow", "fast")
    )
    assert (fast - slow).abs().max().item() == pytest.approx(1e-2, rel=0.05)  # AdamW's first step


@pytest.fixture
def with_unlabelled(suite_file: Path, tmp_path: Path) -> Path:
    """The toy suite with unlabelled rows for one task, one of them a dev row's text."""
    folder = tmp_path / "suite"
    shutil.copytree(suite_file.parent, folder)
    dev = (folder / "colour.dev.tsv").read_text(encoding="utf-8").splitlines()[0].split("\t")[0]
    texts = [f"山水火{sign}天地" for sign in "甲乙丙丁戊己庚"] + [dev]
    (folder / "more.tsv").write_text("".join(f"{t}\t\n" for t in texts), encoding="utf-8")
    file = folder / "toy.yaml"
    text = file.read_text(encoding="utf-8")
    old = "data: {train: colour.train.tsv, dev: colour.dev.tsv}"
    assert old in text
    file.write_text(text.replace(old, f"{old[:-1]}, unlabelled: more.tsv}}"), encoding="utf-8")
    return file


@pytest.mark.parametrize("more", ["", ", balance: alternating", ", text: both"])
def test_unlabelled_text_is_read_too(
    with_unlabelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    stop_at = stop_at_step(monkeypatch)
    text = "" if "text" in more else ", text: unlabelled"
    losses = f"train.losses={{mlm: {{alpha: 0.3{text}{more}}}}}"
    suite = load_suite(with_unlabelled, overrides=["train.max_steps=4", losses])
    train(suite, tmp_path / "whole")
    stop_at(2)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "whole"))
    log = [record for record in records(tmp_path / "whole") if "loss" in record]
    assert all(record["terms"]["mlm"] > 0 for record in log)
    assert all(set(record["loss"]) <= set(suite.tasks) for record in log)


def test_unlabelled_text_that_is_read_was_trained_on(with_unlabelled: Path, tmp_path: Path) -> None:
    for text, read in (("labelled", False), ("unlabelled", True)):
        losses = f"train.losses={{mlm: {{text: {text}}}}}"
        suite = load_suite(with_unlabelled, overrides=["train.max_steps=1", losses])
        train(suite, tmp_path / text)
        seen = read_trained_on(tmp_path / text / "checkpoint")
        unlabelled = load_suite_data(suite)["colour"].unlabelled
        assert seen is not None
        assert unlabelled is not None
        assert np.isin(row_keys(unlabelled), seen["colour"]).all() == read


def test_other_unlabelled_rows_are_another_run(with_unlabelled: Path, tmp_path: Path) -> None:
    overrides = ["train.max_steps=2", "train.losses.mlm.text=unlabelled"]
    train(load_suite(with_unlabelled, overrides=overrides), tmp_path / "run")
    (with_unlabelled.parent / "more.tsv").write_text("山水\t\n", encoding="utf-8")
    with pytest.raises(PetMtlError, match="data"):
        train(load_suite(with_unlabelled, overrides=overrides), tmp_path / "run", resume=True)


def test_unlabelled_rows_that_are_all_measured(with_unlabelled: Path, tmp_path: Path) -> None:
    dev = with_unlabelled.parent / "colour.dev.tsv"
    (with_unlabelled.parent / "more.tsv").write_text(dev.read_text("utf-8"), encoding="utf-8")
    suite = load_suite(with_unlabelled, overrides=["train.losses.mlm.text=unlabelled"])
    with pytest.raises(PetMtlError, match="no unlabelled rows") as caught:
        train(suite, tmp_path / "run")
    assert "train.losses.mlm.text" in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["train.losses.mlm.text=unlabelled"], "no task has any"),
        (["train.losses.mlm.text=both"], "text: labelled"),
        (["train.losses.mlm.balance=both"], "alternating"),
        (["train.losses.mlm.alpha=1.5"], "at most 1"),
        (["train.losses.contrastive.temperature=0"], "temperature"),
        (["train.losses.adapet.rate=0"], "rate"),
        (["train.losses.shuffle.share=1"], "share"),
        (["train.losses.word_frequency.learning_rate=0"], "learning_rate"),
        (["train.losses.task_discriminator.lambda=1"], "lambda"),
        *(
            (["method=heads", f"train.losses.{name}={{}}"], "heads")
            for name in (
                "adapet",
                "contrastive",
                "mlm",
                "task_discriminator",
                "word_frequency",
                "shuffle",
            )
        ),
    ],
)
def test_wrong_settings(suite_file: Path, overrides: list[str], words: str) -> None:
    with pytest.raises(PetMtlError, match=words) as caught:
        load_suite(suite_file, overrides=overrides)
    assert "-s train.losses" in str(caught.value)


def test_damaged_parameters_of_terms(make_suite: MakeSuite, tmp_path: Path) -> None:
    suite = make_suite(max_steps=2, losses="{shuffle: {}}")
    train(suite, tmp_path / "run")
    (tmp_path / "run" / "last" / "terms.safetensors").write_bytes(b"no")
    with pytest.raises(PetMtlError, match=r"terms\.safetensors"):
        train(suite, tmp_path / "run", resume=True)
