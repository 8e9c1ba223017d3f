"""Trials that are read are those that a sweep wrote, or its journal is damaged."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.sweep import run
from pet_mtl.sweep.axes import Choices, Range
from pet_mtl.sweep.run import SweepRequest, sweep
from pet_mtl.sweep.space import Space, read_space
from pet_mtl.sweep.trial_checks import fits

SPACE = """\
trials: 2
train.learning_rate: [1e-3, 1e-2]
train.seed: {choices: [1, 2]}
"""


@pytest.fixture
def request_(suite_file: Path, monkeypatch: pytest.MonkeyPatch) -> SweepRequest:
    """A sweep whose trials cost nothing."""
    file = suite_file.with_name("sweep.yaml")
    file.write_text(SPACE, encoding="utf-8")

    def load(overrides: list[str]) -> Suite:
        return load_suite(suite_file, overrides=overrides)

    def train(*args: Any, evaluated: Any, **more: Any) -> Any:
        evaluated(2, 0.5)
        return SimpleNamespace(scores={"topic": SimpleNamespace(value=lambda metric: 0.5)})

    monkeypatch.setattr(run, "train", train)
    return SweepRequest(suite_file, load, read_space(file, load))


@pytest.mark.parametrize("split", [False, True])
def test_a_seed_that_draws_dev_rows_is_told(
    request_: SweepRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str], split: bool
) -> None:
    load = request_.load
    more = ["tasks.topic.data.dev={split: 0.2}"] if split else []
    sweep(replace(request_, load=lambda given: load([*given, *more])), tmp_path / "out")
    said = "`train.seed` draws the dev rows of topic, too" in capsys.readouterr().err
    assert said is split


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"param_name":"train.seed"', '"param_name":""'),
        ('"trial_id":1,"param_name"', '"trial_id":"../../x","param_name"'),
        ('"param_name":"train.seed","param_value_internal":', '"param_name":"train.seed","param_value_internal":7'),
        ('"param_name":"train.seed","param_value_internal":', '"param_name":"train.seed","param_value_internal":1e999,"x":'),
        ('"param_name":"train.learning_rate","param_value_internal":', '"param_name":"train.learning_rate","param_value_internal":-'),
        ('\\"choices\\": [0, 1]', '\\"choices\\": [\\"a\\", \\"b\\"]'),
        ('"values":[0.5]', '"values":["0.5"]'),
        ('"values":[0.5]', '"values":[]'),
        ('"values":[0.5]', '"values":null'),
        ('"intermediate_value":0.5', '"intermediate_value":"x"'),
        ('"step":2', '"step":"x"'),
        ('{"tasks":{"topic":0.5}}', '{"tasks":[1]}'),
        ('{"tasks":{"topic":0.5}}', '{"why":1}'),
        ('{"op_code":4', "[" * 100_000 + '{"op_code":4'),
    ],
)  # fmt: skip
def test_changed_lines_are_damage(
    request_: SweepRequest, tmp_path: Path, old: str, new: str
) -> None:
    out = tmp_path / "out"
    sweep(request_, out)
    journal = out / "trials.journal"
    whole = journal.read_text(encoding="utf-8")
    assert old in whole
    journal.write_text(whole.replace(old, new), encoding="utf-8")
    with pytest.raises(PetMtlError, match=r"(?s)trials\.journal: damaged.*another folder"):
        sweep(request_, out)
    journal.write_text(whole, encoding="utf-8")
    assert len(sweep(request_, out).trials) == 2


def test_trials_fit_their_space() -> None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.trial import TrialState, create_trial

    space = Space({"a": Range(0.1, 1.0, log=True), "b": Choices(("x", "y"))}, {})
    axes = {"a": FloatDistribution(0.1, 1.0), "b": CategoricalDistribution([0, 1])}
    chosen = {"a": 0.5, "b": 1}
    attributes = {"tasks": {"t": 0.5}}

    def trial(params: dict[str, Any], **more: Any) -> Any:
        return create_trial(
            params=params, distributions={name: axes[name] for name in params}, **more
        )

    done = trial(chosen, value=0.5, user_attrs=attributes, intermediate_values={2: 0.5})
    pruned = trial(chosen, state=TrialState.PRUNED, value=0.1, intermediate_values={2: 0.1})
    early = trial(chosen, state=TrialState.PRUNED)
    failed = trial(chosen, state=TrialState.FAIL, user_attrs={"why": "the loss is not a number"})
    stopped = trial({"a": 0.5}, state=TrialState.RUNNING)
    fresh = trial({}, state=TrialState.RUNNING)
    assert all(fits(each, space) for each in (done, pruned, early, failed, stopped, fresh))
    for state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL):
        half = trial({"a": 0.5}, state=state, value=None if state == TrialState.FAIL else 0.5)
        assert not fits(half, space)
    other = Space({"a": space.searched["a"]}, {})
    assert not any(fits(each, other) for each in (done, pruned, failed))


@pytest.mark.parametrize(
    ("axis", "held", "others"),
    [
        (Range(1e-5, 1e-2, log=True), [1e-5, 0.9999999999999e-5, 5e-3, 1e-2], [-1.0, 2e-2, 0.0]),
        (Range(1, 9, log=False), [1, 5, 9], [0, 10, "5", None, float("nan"), True]),
        (Choices(("x", None, 3)), [0, 1, 2], [-1, 3, 1.0, "x", None, True]),
    ],
)
def test_values_that_may_be_chosen(
    axis: Range | Choices, held: list[Any], others: list[Any]
) -> None:
    assert all(axis.holds(value) for value in held)
    assert not any(axis.holds(value) for value in others)
