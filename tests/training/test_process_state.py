"""A training leaves the process that it runs in as it was, and does not depend on it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from pet_mtl.suite.suite import Suite
from pet_mtl.training.run import train


def test_random_numbers_and_accelerate_are_those_of_before(
    make_suite: Callable[..., Suite], tmp_path: Path
) -> None:
    theirs = Accelerator(gradient_accumulation_steps=4)
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    train(make_suite(max_steps=2), tmp_path / "run")
    assert torch.rand(3).tolist() == wanted.tolist()
    assert theirs.gradient_accumulation_steps == 4


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_program_without_gradients_trains(
    make_suite: Callable[..., Suite], tmp_path: Path, mode: Callable[[], torch.no_grad]
) -> None:
    suite = make_suite(max_steps=2)
    train(suite, tmp_path / "plain")
    with mode():
        train(suite, tmp_path / "inside")
        assert not torch.is_grad_enabled()
    weights = [
        load_file(tmp_path / name / "last" / "model.safetensors") for name in ("plain", "inside")
    ]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
