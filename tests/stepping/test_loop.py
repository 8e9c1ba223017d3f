"""When a loop ends, and what it saves before."""

import os
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pet_mtl.metrics.throughput import Throughput
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.stepping.loop import run_loop
from pet_mtl.storage.state import Progress


class Steps:
    """Three steps of nothing, the last of which is evaluated."""

    total = 3

    def __init__(self) -> None:
        self.progress, self.throughput = Progress(), Throughput()

    def step(self) -> int:
        return 1

    def record(self, *, whole: bool) -> dict[str, Any]:
        return {"step": self.progress.step}

    def keep(self) -> None: ...

    def note(self, record: dict[str, Any]) -> str:
        return ""

    def evaluates(self) -> bool:
        return False

    def over(self) -> bool:
        return False

    def anyone(self, flag: bool) -> bool:
        return flag


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("during", ["evaluate", "save"])
def test_a_signal_during_the_last_evaluation_is_not_lost(
    during: str, number: signal.Signals
) -> None:
    steps, saved = Steps(), list[tuple[int, bool]]()

    def evaluate() -> bool:
        if during == "evaluate":
            os.kill(os.getpid(), number)
        return False

    def save() -> None:
        saved.append((steps.progress.step, steps.progress.finished))
        if during == "save":
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted, match="stopped after step 3 of 3; the state is saved"):
        run_loop(
            steps, evaluate=evaluate, save=save, log=lambda _: None, log_every=9, save_every=99
        )
    assert saved == [(3, True)]


def test_a_signal_that_another_process_got_during_the_last_evaluation() -> None:
    steps, evaluated = Steps(), list[int]()

    def evaluate() -> bool:
        evaluated.append(steps.progress.step)
        return False

    steps.anyone = lambda flag: flag or bool(evaluated)  # type: ignore[method-assign]
    with pytest.raises(Interrupted, match="stopped after step 3 of 3"):
        run_loop(
            steps,
            evaluate=evaluate,
            save=lambda: None,
            log=lambda _: None,
            log_every=9,
            save_every=99,
        )


def run(steps: Steps, monkeypatch: pytest.MonkeyPatch, save_every: float) -> list[int]:
    """Do steps of a second each, by a clock of their own; return those after which was saved."""
    saved: list[int] = []
    clock = SimpleNamespace(
        monotonic=lambda: float(steps.progress.step), perf_counter=time.perf_counter
    )
    monkeypatch.setattr("pet_mtl.stepping.loop.time", clock)
    run_loop(
        steps,
        evaluate=lambda: False,
        save=lambda: saved.append(steps.progress.step),
        log=lambda _: None,
        log_every=99,
        save_every=save_every,
    )
    return saved


def test_the_state_is_saved_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps()
    steps.total = 10
    assert run(steps, monkeypatch, 2.5) == [3, 6, 9, 10]


@pytest.mark.parametrize(("total", "counted"), [(1, 1), (3, 2)])
def test_the_first_of_several_steps_pays_for_start_up(
    monkeypatch: pytest.MonkeyPatch, total: int, counted: int
) -> None:
    steps = Steps()
    steps.total = total
    run(steps, monkeypatch, 99)
    assert steps.throughput.rows == counted


def test_a_callers_autocast_reaches_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses and gradients are computed outside of ours."""
    steps, seen = Steps(), list[torch.dtype]()

    def step() -> int:
        weight = torch.ones(2, 2, requires_grad=True)
        (weight @ torch.ones(2, 2)).sum().backward()  # type: ignore[no-untyped-call]
        seen.append((torch.ones(2, 2) @ weight).dtype)
        return 1

    monkeypatch.setattr(steps, "step", step)
    with torch.autocast("cpu", torch.bfloat16):
        run(steps, monkeypatch, 99)
        assert torch.is_autocast_enabled("cpu")  # as the caller has it
    assert seen == [torch.float32] * 3
