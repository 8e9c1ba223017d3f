"""What stops a run, and that what was saved before stays whole."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import toys
from stopped_runs import assert_same_state
from toy_runs import state_of, weights_in

from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.kinds.classification import Classification
from pet_mtl.scoring.checkpoint_scores import score_checkpoints
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.storage.pretrained import load_tokenizer
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps, trainer
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["train.max_length=41"], "positions for 40 tokens"),
        (["train.max_length=8", "tasks.colour.prefix=类类类类类类"], "leaves no room for the text"),
        (["model=nowhere"], "there is no model `nowhere`"),
        (["tasks.colour.data.train=absent.tsv"], "absent.tsv"),
        (["tasks.colour.verbalizer={r: 红, b: 蓝, g: x}"], "cannot write the label word"),
    ],
)
def test_wrong_input_writes_nothing(
    suite_file: Path, tmp_path: Path, overrides: list[str], words: str
) -> None:
    with pytest.raises(PetMtlError, match=words) as caught:
        train(load_suite(suite_file, overrides=overrides), tmp_path / "run")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "run").exists()


def test_a_family_without_bf16_and_sdpa(
    suite_file: Path, toy_backbone: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = tmp_path / "deberta"
    shutil.copytree(toy_backbone, model)
    size = len(load_tokenizer(str(model)))
    toys.build_mlm("deberta", size).save_pretrained(model)
    asked = [f"model={model}", "train.max_steps=1", "train.attention=sdpa"]
    set_to = [*asked, "train.precision=bf16"]
    with pytest.raises(PetMtlError, match="`deberta` cannot run in bf16\n  hint: set"):
        train(load_suite(suite_file, overrides=set_to), tmp_path / "run")
    caplog.set_level("INFO", logger="pet_mtl")
    train(load_suite(suite_file, overrides=[*asked, "train.precision=auto"]), tmp_path / "run")
    assert "eager attention (sdpa is set, but `deberta` has no sdpa)" in caplog.text
    (scored,) = score_checkpoints([tmp_path / "run" / "checkpoint"])
    assert scored.tasks.keys() == {"colour", "mood", "pair"}


def test_an_output_folder_that_cannot_be(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(PetMtlError, match="cannot write here") as caught:
        train(suite, tmp_path / "file" / "run")
    assert caught.value.exit_code == 2


def test_a_run_that_is_there_stays(make_suite: MakeSuite, tmp_path: Path) -> None:
    train(make_suite(max_steps=1), tmp_path / "run")
    before = state_of(tmp_path / "run")
    with pytest.raises(PetMtlError, match="already holds a run"):
        train(make_suite(max_steps=2), tmp_path / "run")
    assert_same_state(state_of(tmp_path / "run"), before)


@pytest.mark.parametrize("what", ["loss", "weights", "gradient"])
def test_no_state_that_is_no_number_is_saved(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The loss may still be a number in the very step that breaks the weights."""
    suite, out = make_suite(max_steps=8, evaluate_every=4, dropout=0.1), tmp_path / "run"
    train(suite, tmp_path / "unbroken")
    real_step, real_loss = steps.TrainingSteps.step, Classification.loss

    with monkeypatch.context() as patch:
        if what == "loss":
            calls = 0

            def nan_loss(*arguments: Any) -> torch.Tensor:
                nonlocal calls
                calls += 1
                return real_loss(*arguments) * (float("nan") if calls > 12 else 1.0)

            patch.setattr(Classification, "loss", nan_loss)
        else:

            def breaks(self: steps.TrainingSteps) -> int:
                if what == "gradient" and self.progress.step == 7:
                    weight = next(self.model.parameters())
                    weight.register_hook(lambda gradient: gradient * float("inf"))
                rows = real_step(self)
                if what == "weights" and self.progress.step == 7:
                    with torch.no_grad():
                        list(self.model.parameters())[-1][0] = float("nan")
                return rows

            patch.setattr(steps.TrainingSteps, "step", breaks)
        with pytest.raises(RunError, match="not a number any more") as caught:
            train(suite, out)
    assert caught.value.exit_code == 1
    assert read_checkpoint(out / "last").metrics["step"] == 4
    assert read_checkpoint(out / "checkpoint").metrics["step"] == 4
    assert all(value.isfinite().all() for value in weights_in(out / "last").values())
    train(suite, out, resume=True)
    assert_same_state(state_of(out), state_of(tmp_path / "unbroken"))


def test_a_disk_that_is_full_when_the_state_is_saved(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, out = make_suite(max_steps=8, evaluate_every=4), tmp_path / "run"
    train(suite, tmp_path / "unbroken")
    real, calls = trainer.write_state, 0

    def full(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(28, "No space left on device")
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "write_state", full)
        with pytest.raises(RunError, match="the disk is full"):
            train(suite, out)
    assert read_checkpoint(out / "last").metrics["step"] == 4
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint", "last", "metrics.jsonl"]
    train(suite, out, resume=True)
    assert_same_state(state_of(out), state_of(tmp_path / "unbroken"))
