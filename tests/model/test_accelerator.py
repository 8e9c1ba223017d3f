from collections.abc import Iterator

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState

from pet_mtl.model.hardware import training_accelerator


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    PartialState()


def test_what_accelerate_launch_sets_scales_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    accelerator = training_accelerator()
    value = torch.ones(1, requires_grad=True)
    accelerator.backward((3 * value).sum())
    assert value.grad is not None
    assert value.grad.item() == 3
    assert accelerator.scaler is None


def test_a_state_that_others_made_is_taken() -> None:
    Accelerator(mixed_precision="bf16", cpu=True)
    accelerator = training_accelerator()
    value = torch.ones(1, requires_grad=True)
    accelerator.backward((3 * value).sum())
    assert value.grad is not None
    assert value.grad.item() == 3
