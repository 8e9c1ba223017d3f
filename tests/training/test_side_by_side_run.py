"""A run whose pieces are computed in threads learns what it learns from one after the other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import toys
from chained_toys import write_chained
from one_thread import two_threads  # noqa: F401
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import state_of

from pet_mtl.model.hardware import Machine
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.pretrained import load_tokenizer
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import pieces, steps
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]
SETTINGS = {"max_steps": 4, "evaluate_every": 2}

pytestmark = pytest.mark.usefixtures("two_threads")


@pytest.fixture(autouse=True)
def four_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "pieces", lambda *_: 4)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pieces of each call that has them computed in threads."""
    counts: list[int] = []

    def add(parameters: Any, compute: Any, given: Any) -> Any:
        counts.append(len(given))
        return real(parameters, compute, given)

    real = pieces.add_gradients
    monkeypatch.setattr(pieces, "add_gradients", add)
    return counts


@pytest.fixture
def trained(
    suite_file: Path, tmp_path: Path, counted: list[int]
) -> Callable[..., dict[str, object]]:
    """Return a function that trains and returns what the run holds at its end."""

    def run(name: str, *more: str, **choices: Any) -> dict[str, object]:
        counted.clear()
        settings = [f"train.{key}={value}" for key, value in SETTINGS.items()]
        train(load_suite(suite_file, overrides=[*settings, *more], **choices), tmp_path / name)
        return state_of(tmp_path / name)

    return run


SIDE_BY_SIDE: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout": {"more": ["train.dropout=0.2"]},
    # in bf16: each weight is cast twice, whatever the other thread casts meanwhile
    "two passes": {
        "more": ["train.precision=bf16", "train.dropout=0.2", "train.losses={r_drop: {}}"]
    },
    "factors": {"more": ["train.losses={focal: {}}"]},
    "surgery": {"more": ["train.surgery=pcgrad"]},
    "weights by accuracy": {"more": ["train.weighting=dtp"]},
    # pieces with several rows of both patterns of a task: what is added up first decides the last bit
    "weights by losses": {"more": ["train.weighting=uncertainty", "train.batch_tokens=800"]},
    "heads": {"method": "heads", "more": ["train.dropout=0.2"]},
    "experts": {"method": "heads", "sharing": "ple"},
    "norms": {"method": "cln"},
}


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_it_is_the_same_to_the_bit(
    trained: Callable[..., dict[str, object]],
    counted: list[int],
    name: str,
) -> None:
    case = dict(SIDE_BY_SIDE[name])
    more = case.pop("more", [])
    threaded = trained("threaded", *more, **case)
    assert counted
    assert max(counted) == 4
    again = trained("again", *more, **case)
    torch.set_num_threads(1)
    plain = trained("plain", *more, **case)
    assert not counted
    assert_same_state(again, threaded)
    for state in (threaded, plain):
        del state["card"]  # it names the settings
    assert_same_state(plain, threaded)


def test_the_model_is_asked_what_other_tasks_say_before_any_piece_is_computed(
    toy_backbone: Path, tmp_path: Path, counted: list[int]
) -> None:
    """It is asked without dropout, and all threads share its mode."""
    overrides = ["train.max_steps=4", "train.dropout=0.3"]
    suite = load_suite(write_chained(tmp_path, toy_backbone), overrides=overrides)
    train(suite, tmp_path / "threaded")
    assert max(counted) == 4
    torch.set_num_threads(1)
    train(suite, tmp_path / "plain")
    assert_same_state(state_of(tmp_path / "plain"), state_of(tmp_path / "threaded"))


def test_each_thread_has_as_many_pieces(
    trained: Callable[..., dict[str, object]], counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "pieces", lambda *_: 3)
    trained("run")
    assert set(counted) == {4}


@pytest.mark.parametrize("stop", [2, 3])
def test_a_stopped_run_ends_as_an_unbroken_one(
    trained: Callable[..., dict[str, object]],
    make_suite: MakeSuite,
    tmp_path: Path,
    counted: list[int],
    monkeypatch: pytest.MonkeyPatch,
    stop: int,
) -> None:
    unbroken = trained("unbroken", "train.dropout=0.2")
    with monkeypatch.context() as patch:
        patch.setattr(steps, "LOG_EVERY", 1)
        stop_at_step(patch)(stop)
        with pytest.raises(Interrupted):
            train(make_suite(**SETTINGS, dropout=0.2), tmp_path / "run")
    counted.clear()
    train(make_suite(**SETTINGS, dropout=0.2), tmp_path / "run", resume=True)
    assert counted
    assert_same_state(state_of(tmp_path / "run"), unbroken)


@pytest.mark.parametrize(
    "settings",
    [
        {"adversarial": 0.1},
        {"losses": "{contrastive: {}}"},
        {"losses": "{mlm: {}}"},
        {"accumulate": 4},
    ],
)
def test_what_depends_on_other_pieces_draws_or_saves_memory_goes_one_after_the_other(
    make_suite: MakeSuite, tmp_path: Path, counted: list[int], settings: dict[str, object]
) -> None:
    train(make_suite(**(SETTINGS | settings)), tmp_path / "run")
    assert not counted


def test_dropout_of_batches_goes_one_after_the_other(
    suite_file: Path, tmp_path: Path, counted: list[int]
) -> None:
    """The layers of an ALBERT draw theirs from torch's generator."""
    folder = tmp_path / "albert"
    tokenizer = load_tokenizer(str(load_suite(suite_file).model))
    tokenizer.save_pretrained(folder)
    toys.build_mlm("albert", len(tokenizer), dropout=0.2).save_pretrained(folder)
    settings = [f"train.{key}={value}" for key, value in SETTINGS.items()]
    train(load_suite(suite_file, overrides=[f"model={folder}", *settings]), tmp_path / "run")
    assert not counted
