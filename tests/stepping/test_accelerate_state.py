"""Other code in the process finds accelerate as it left it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState

from pet_mtl.model.hardware import training_accelerator
from pet_mtl.stepping.accelerate_state import AccelerateAsBefore


def forget() -> None:
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    forget()
    yield
    forget()
    PartialState()


def test_another_number_format_may_follow() -> None:
    with AccelerateAsBefore():
        assert training_accelerator().mixed_precision == "no"
    assert Accelerator(mixed_precision="bf16", cpu=True).mixed_precision == "bf16"


def test_one_that_was_there_accumulates_as_before() -> None:
    theirs = Accelerator(gradient_accumulation_steps=4, mixed_precision="bf16", cpu=True)
    with pytest.raises(ValueError, match="ours"), AccelerateAsBefore():
        training_accelerator()
        raise ValueError("ours")
    assert theirs.gradient_accumulation_steps == 4
    assert theirs.mixed_precision == "bf16"


def test_trainings_in_threads_keep_it_until_the_last_one_ends() -> None:
    ended, seen = threading.Event(), list[Any]()

    def train() -> None:
        with AccelerateAsBefore():
            accelerator = training_accelerator()
            ended.wait(60)
            seen.append(accelerator.num_processes)

    with AccelerateAsBefore():
        other = threading.Thread(target=train)
        other.start()
        training_accelerator()
    ended.set()
    other.join(60)
    assert seen == [1]
    assert Accelerator(mixed_precision="bf16", cpu=True).mixed_precision == "bf16"


def test_several_processes_stay_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    with AccelerateAsBefore():
        PartialState()
        monkeypatch.setenv("WORLD_SIZE", "2")
    assert PartialState._shared_state
