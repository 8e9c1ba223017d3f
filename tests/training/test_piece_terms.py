"""Loss terms that read more than label scores, in whole runs: cut, stopped, over text without labels,
and where they change nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import state_of

from pet_mtl.errors import PetMtlError
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import loop
from pet_mtl.training.run import train

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


@pytest.mark.parametrize("more", [{}, {"adversarial": 0.2}, {"surgery": "pcgrad"}])
def test_a_stopped_run_ends_as_an_unbroken_one(
    make_suite: MakeSuite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, object],
) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    stop_at = stop_at_step(monkeypatch)
    settings = {"max_steps": 6, "epochs": 9, "dropout": 0.2, "accumulate": 2, "losses": ALL}
    suite = make_suite(**settings, **more)
    train(suite, tmp_path / "whole")
    stop_at(3)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "whole"))
    last = [records(tmp_path / run)[-2]["terms"] for run in ("whole", "run")]
    assert last[1] == last[0]
    assert len(last[0]) == 8
