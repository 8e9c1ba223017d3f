"""Shared and private parts with the losses that keep them apart, in whole runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import state_of

from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

METHOD = "method={name: heads, sharing: shared-private, adversarial: 0.1, orthogonality: 0.05}"


@pytest.fixture
def make(suite_file: Path) -> Callable[..., Suite]:
    def build(method: str = METHOD, **settings: object) -> Suite:
        overrides = [f"train.{key}={value}" for key, value in settings.items()]
        return load_suite(suite_file, overrides=[method, *overrides])

    return build


def records(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_accumulation_changes_no_result(make: Callable[..., Suite], tmp_path: Path) -> None:
    method = METHOD.replace("}", ", dropout: 0}")
    for name, pieces in (("whole", 1), ("cut", 3)):
        train(make(method, max_steps=4, accumulate=pieces), tmp_path / name)
    whole, cut = (state_of(tmp_path / name) for name in ("whole", "cut"))
    for name, value in whole.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(cut[name], value, rtol=2e-3, atol=5e-4, msg=name)
    one, other = (records(tmp_path / name)[0]["terms"] for name in ("whole", "cut"))
    assert set(one) == {"adversary", "orthogonality"}
    assert other == pytest.approx(one, abs=1e-3)


def test_a_stopped_run_ends_as_an_unbroken_one_and_scores(
    make: Callable[..., Suite], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    stop_at = stop_at_step(monkeypatch)
    suite = make(max_steps=5, accumulate=2)
    train(suite, tmp_path / "whole")
    stop_at(3)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "whole"))
    loaded = LoadedCheckpoint(tmp_path / "run" / "checkpoint")  # the discriminator is not in it
    assert "discriminator" not in " ".join(name for name, _ in loaded.model.named_parameters())


@pytest.mark.parametrize("name", ["adversarial", "orthogonality"])
def test_only_for_shared_and_private_parts(suite_file: Path, name: str) -> None:
    with pytest.raises(PetMtlError, match="shared-private"):
        load_suite(suite_file, overrides=[f"method={{name: heads, sharing: mmoe, {name}: 0.1}}"])
