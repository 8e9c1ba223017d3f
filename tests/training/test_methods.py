"""Every method through the same data, loop, checkpoint and scoring."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import run_together
from safetensors.torch import load_file
from stopped_runs import assert_same_state, stop_at_step
from test_processes import SCRIPT
from toy_runs import state_of, weights_in

import pet_mtl
from pet_mtl.errors import PetMtlError
from pet_mtl.report.run import report_run
from pet_mtl.scoring.checkpoint_scores import score_checkpoints
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.outputs import stored_suite
from pet_mtl.storage.own_weights import OWN_FILE
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

METHODS = {
    "heads": ("heads", None, []),
    "heads-lstm": (
        "heads",
        None,
        ["method.features={layers: [1, -1]}", "method.decoder=lstm", "method.width=8"],
    ),
    "soft": ("heads", "soft", []),
    "shared-private": ("heads", "shared-private", ["method.features=pooled", "method.decoder=mlp"]),
    "mmoe": ("heads", "mmoe", ["method.features=attention"]),
    "ple": ("heads", "ple", ["method.features=max", "method.levels=2"]),
    "ple-inside": ("heads", "ple", ["method.features=mean", "method.layers=[1, 2]"]),
    "moe": ("heads", "moe", []),
    "snr": ("heads", "snr", ["method.levels=2", "method.routes=transform"]),
    "cross-stitch": ("heads", "cross-stitch", ["method.layers=[1]"]),
    "cln": ("cln", None, ["method.size=8"]),
}
SETTINGS = ["train.max_steps=8", "train.evaluate_every=4", "train.dropout=0.2"]


@pytest.fixture
def make(suite_file: Path) -> Callable[[str], Suite]:
    def suite_of(kind: str) -> Suite:
        method, sharing, more = METHODS[kind]
        return load_suite(suite_file, method=method, sharing=sharing, overrides=[*SETTINGS, *more])

    return suite_of


@pytest.mark.parametrize("kind", METHODS)
def test_training_scoring_and_prediction_agree(
    make: Callable[[str], Suite], tmp_path: Path, kind: str
) -> None:
    suite, out = make(kind), tmp_path / "run"
    result = train(suite, out, report=report_run)
    (scored,) = score_checkpoints([out / "checkpoint"])
    assert scored.tasks == result.scores
    assert (scored.method, scored.parameters) == (suite.method.name, result.parameters)
    manifest = json.loads((out / "checkpoint" / "pet_mtl.json").read_text(encoding="utf-8"))
    assert OWN_FILE in manifest["sha256"]
    assert weights_in(out / "checkpoint")  # an ordinary masked language model
    model = pet_mtl.load(out / "checkpoint")
    (prediction,) = model.predict([{"one": "山庚", "two": "水辛"}])
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<h3>As the model sees it</h3>" in page
    gated = kind in ("mmoe", "moe", "ple", "ple-inside", "snr", "cross-stitch")
    assert ("Which task uses what" in page) == gated


@pytest.mark.parametrize("kind", ["soft", "cln", "snr", "cross-stitch"])
def test_a_stopped_run_ends_as_an_unbroken_one(
    make: Callable[[str], Suite], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(make(kind), tmp_path / "unbroken")
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    with monkeypatch.context() as patch:
        stop_at_step(patch)(5)
        with pytest.raises(Interrupted, match="stopped after step 5 of 8"):
            train(make(kind), tmp_path / "run")
    train(stored_suite(tmp_path / "run"), tmp_path / "run", resume=True)
    found, wanted = state_of(tmp_path / "run"), state_of(tmp_path / "unbroken")
    assert any(OWN_FILE in name for name in wanted)
    assert_same_state(found, wanted)


def test_another_method_is_another_run(make: Callable[[str], Suite], tmp_path: Path) -> None:
    train(make("mmoe"), tmp_path / "run")
    suite = make("mmoe")
    other = suite.model_copy(update={"method": suite.method.model_copy(update={"experts": 2})})
    with pytest.raises(PetMtlError, match=r"`method\.experts` changed"):
        train(other, tmp_path / "run", resume=True)
    with pytest.raises(PetMtlError, match=r"`method\.name`"):
        train(make("cln"), tmp_path / "run", resume=True)


def test_soft_sharing_with_an_infinite_penalty_trains_as_hard_sharing_does(
    make: Callable[[str], Suite], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hard = make("heads")
    hard = hard.model_copy(update={"method": hard.method.model_copy(update={"experts": 2})})
    same = hard.model_copy(
        update={"method": hard.method.model_copy(update={"sharing": "soft", "penalty": math.inf})}
    )
    train(hard, tmp_path / "hard")
    train(same, tmp_path / "same")
    assert_same_state(state_of(tmp_path / "same"), state_of(tmp_path / "hard"))
    told = [line for line in caplog.messages if "`method.experts` does nothing with" in line]
    assert [line.split("`")[3] for line in told] == ["hard", "soft"]


SHARED = ["soft, penalty: 0.5", "snr, levels: 2, route_penalty: 0.5", "cross-stitch, layers: [1]"]


@pytest.mark.slow
def test_two_processes_are_one(suite_file: Path, tmp_path: Path) -> None:
    """Each process sees rows of some tasks only; penalties are added once, routes are drawn
    alike."""
    alone, jobs = [], []
    for number, sharing in enumerate(SHARED):
        method = f"method={{name: heads, sharing: {sharing}, dropout: 0.0}}"
        overrides = [method, "train.max_steps=4"]
        suite = load_suite(suite_file, overrides=overrides)
        alone.append(train(suite, tmp_path / f"one-{number}").to_json()["tasks"])
        jobs.append((str(suite_file), str(tmp_path / f"two-{number}"), False, overrides))
    done = run_together(2, SCRIPT, json.dumps(jobs))
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    assert [told["tasks"] for told in json.loads(done[0].stdout)] == alone
    for number, sharing in enumerate(SHARED):
        one, two = (
            load_file(tmp_path / f"{run}-{number}" / "checkpoint" / OWN_FILE)
            for run in ("one", "two")
        )
        for name, value in one.items():
            if "key.bias" in name:  # has no gradient but noise, which AdamW makes steps of
                continue
            torch.testing.assert_close(
                two[name], value, rtol=1e-3, atol=2e-4, msg=f"{sharing}: {name}"
            )
