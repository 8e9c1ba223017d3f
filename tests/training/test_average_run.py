"""`train.ema`: what is evaluated and saved is the mean; what is trained goes on as ever."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import state_of, weights_in

from pet_mtl.errors import PetMtlError
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]


def test_a_decay_of_0_is_a_plain_run(make_suite: MakeSuite, tmp_path: Path) -> None:
    common = {"max_steps": 4, "dropout": 0.2, "evaluate_every": 2}
    plain = train(make_suite(**common), tmp_path / "plain")
    zero = train(make_suite(**common, ema=0), tmp_path / "zero")
    assert zero.scores == plain.scores
    for name in ("checkpoint", "last"):
        one, other = (weights_in(tmp_path / run / name) for run in ("plain", "zero"))
        assert all(torch.equal(other[key], value) for key, value in one.items())


@pytest.mark.parametrize("dev", [True, False])
def test_the_mean_of_all_steps_is_saved(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dev: bool
) -> None:
    """Against weights noted after each step of a run without it."""
    seen: list[dict[str, torch.Tensor]] = []
    real = steps.TrainingSteps.step

    def note(self: steps.TrainingSteps) -> int:
        if not seen:
            seen.append({n: p.detach().clone() for n, p in self.model.named_parameters()})
        done = real(self)
        seen.append({n: p.detach().clone() for n, p in self.model.named_parameters()})
        return done

    def suite(**more: object) -> Suite:
        made = make_suite(max_steps=5, evaluate_every=99, dropout=0.2, **more)
        if dev:
            return made
        tasks = {
            name: task.model_copy(update={"data": task.data.model_copy(update={"dev": None})})
            for name, task in made.tasks.items()
        }
        return made.model_copy(update={"tasks": tasks})

    monkeypatch.setattr(steps.TrainingSteps, "step", note)
    train(suite(), tmp_path / "plain")
    mean = seen[0]
    for number, weights in enumerate(seen[1:]):
        d = min(0.4, (1 + number) / (10 + number))
        mean = {name: d * mean[name] + (1 - d) * value for name, value in weights.items()}
    train(suite(ema=0.4), tmp_path / "run")
    kept = load_file(tmp_path / "run" / "last" / "average.safetensors")
    for name, value in mean.items():
        torch.testing.assert_close(kept[name], value, rtol=1e-4, atol=1e-6)
    saved = weights_in(tmp_path / "run" / "checkpoint")
    for name, value in saved.items():
        torch.testing.assert_close(value, kept[f"backbone.mlm.{name}"], rtol=0, atol=0)
    raw, plain = (weights_in(tmp_path / run / "last") for run in ("run", "plain"))
    assert all(torch.equal(raw[name], value) for name, value in plain.items())


def test_a_stopped_run_ends_as_an_unbroken_one(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    stop_at = stop_at_step(monkeypatch)
    suite = make_suite(max_steps=8, epochs=9, dropout=0.2, evaluate_every=3, ema=0.9)
    whole = train(suite, tmp_path / "whole")
    stop_at(4)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    result = train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "whole"))
    assert result.scores == whole.scores


def test_a_lost_average(make_suite: MakeSuite, tmp_path: Path) -> None:
    suite = make_suite(max_steps=2, ema=0.9)
    train(suite, tmp_path / "run")
    (tmp_path / "run" / "last" / "average.safetensors").unlink()
    with pytest.raises(PetMtlError, match=r"average\.safetensors"):
        train(suite, tmp_path / "run", resume=True)


@pytest.mark.parametrize("value", ["1", "1.5", "-0.1", "true", ".nan", "high"])
def test_impossible_decays(suite_file: Path, value: str) -> None:
    with pytest.raises(PetMtlError, match=r"ema") as caught:
        load_suite(suite_file, overrides=[f"train.ema={value}"])
    assert f"-s train.ema={value}" in str(caught.value)
