import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.stepping.optim import build_optimizer
from pet_mtl.storage.pretrained import load_tokenizer
from pet_mtl.storage.state import Progress, fingerprint, read_moments, read_progress, write_state
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.suite.suite import Suite

PROGRESS = Progress(3, 0.1 + 0.2, 2, 1, 1, False, 30, 400, 1.25, "abc")


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, seeds: range) -> None:
    for seed in seeds:
        torch.manual_seed(seed)
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()


def test_moments_and_counters_come_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    optimizer = build_optimizer(TrainSettings(learning_rate=0.1), model)
    steps(model, optimizer, range(3))
    write_state(tmp_path, model, optimizer, PROGRESS)
    assert read_progress(tmp_path) == PROGRESS

    other = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    other.load_state_dict(model.state_dict())
    resumed = build_optimizer(TrainSettings(learning_rate=0.1), other)
    read_moments(tmp_path, other, resumed)
    steps(model, optimizer, range(3, 6))
    steps(other, resumed, range(3, 6))
    for (name, expected), found in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(found, expected), name


def test_before_the_first_step_there_are_no_moments(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    optimizer = build_optimizer(TrainSettings(), model)
    write_state(tmp_path, model, optimizer, Progress())
    read_moments(tmp_path, model, optimizer)
    assert not optimizer.state
    assert read_progress(tmp_path) == Progress()


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "null", '{"stop": 3}', '{"step": 3, "surprise": 1}', "\x00"]
)
def test_damaged_counters(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "training.json").write_text(text)
    with pytest.raises(PetMtlError, match="training state is missing or damaged") as caught:
        read_progress(tmp_path)
    assert str(tmp_path / "training.json") in str(caught.value)


@pytest.mark.parametrize("keep", [None, 0, 5, 60, -1])
def test_damaged_moments(tmp_path: Path, keep: int | None) -> None:
    model = nn.Linear(2, 2)
    optimizer = build_optimizer(TrainSettings(), model)
    steps(model, optimizer, range(1))
    write_state(tmp_path, model, optimizer, PROGRESS)
    file = tmp_path / "optimizer.safetensors"
    if keep is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(PetMtlError, match="optimizer state is missing or damaged"):
        read_moments(tmp_path, model, optimizer)


def test_counters_are_plain_json(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    write_state(tmp_path, model, build_optimizer(TrainSettings(), model), PROGRESS)
    assert json.loads((tmp_path / "training.json").read_text())["best_score"] == 0.1 + 0.2


@pytest.fixture
def prompts(suite: Suite) -> Prompts:
    rows = {name: data.train for name, data in load_suite_data(suite).items()}
    return encode_suite(suite.tasks, rows, PieceTokenizer(load_tokenizer(suite.model)), 32)


@pytest.mark.parametrize("name", ["ids", "label", "slot_at", "form"])
def test_the_fingerprint_sees_every_change(prompts: Prompts, name: str) -> None:
    changed = np.array(getattr(prompts, name))
    changed[len(changed) // 2] += 1
    other = replace(prompts, **{name: changed})
    assert fingerprint(prompts) == fingerprint(replace(prompts))
    assert fingerprint(other) != fingerprint(prompts)
    assert fingerprint(prompts, other) != fingerprint(prompts, prompts)
    assert fingerprint(prompts, None) != fingerprint(prompts, prompts)


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "3"},
        {"step": -1},
        {"step": 10**30},
        {"rows": None},
        {"best_score": []},
        {"seconds": "x"},
        {"seconds": -1.0},
        {"weighting": 3},
        {"finished": "yes"},
        {"unknown": 1},
    ],
)
def test_counters_of_other_types_are_damaged(tmp_path: Path, changes: dict[str, object]) -> None:
    (tmp_path / "training.json").write_text(json.dumps(changes), encoding="utf-8")
    with pytest.raises(PetMtlError, match="training state is missing or damaged"):
        read_progress(tmp_path)


def test_moments_of_another_shape_are_damaged(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    model = nn.Linear(2, 3)
    for odd in (torch.zeros(5), torch.zeros(3, 2, dtype=torch.int64)):
        save_file({"weight:exp_avg": odd}, tmp_path / "optimizer.safetensors")
        with pytest.raises(PetMtlError, match="optimizer state is missing or damaged"):
            read_moments(tmp_path, model, build_optimizer(TrainSettings(), model))
