"""`metrics.jsonl` of runs that were stopped."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.checked_json import read_records
from pet_mtl.suite.suite import Suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]
SETTINGS = {"dropout": 0.2, "epochs": 9, "max_steps": 9, "evaluate_every": 7, "seed": 7}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"losses": {"focal": {"gamma": 1.0}, "r_drop": {"alpha": 0.5}}},
        {"surgery": "pcgrad", "weighting": "uncertainty"},
    ],
    ids=["plain", "terms", "surgery"],
)
def test_the_log_of_a_stopped_run_is_that_of_an_unbroken_one(
    make_suite: MakeSuite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, object],
) -> None:
    """The sums of the line that is not written yet are kept, and no line more is written."""
    suite = make_suite(**SETTINGS | settings)
    monkeypatch.setattr(steps, "LOG_EVERY", 4)
    train(suite, tmp_path / "whole")
    step, stops = steps.TrainingSteps.step, [2, 5, 6, 7]  # 7: right behind a line

    def stopping(self: steps.TrainingSteps) -> int:
        if stops and self.progress.step == stops[0] - 1:
            stops.pop(0)
            os.kill(os.getpid(), signal.SIGINT)
        return step(self)

    monkeypatch.setattr(steps.TrainingSteps, "step", stopping)
    for number in range(4):
        with pytest.raises(Interrupted):
            train(suite, tmp_path / "run", resume=number > 0)
    train(suite, tmp_path / "run", resume=True)
    whole, run = (read_records(tmp_path / name / "metrics.jsonl") for name in ("whole", "run"))
    for record in (*whole, *run):
        record.pop("seconds", None)
    assert run == whole
    assert [record["step"] for record in run] == [4, 7, 7, 8, 9, 9]
