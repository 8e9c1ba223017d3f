"""One optimizer step is the mean over its rows, however it is cut."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_runs import weights_in

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.collate import Batch, collate
from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring.loaded import build_model, compile_suite
from pet_mtl.scoring.log_probs import score_items
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.suite import Suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]


@pytest.fixture
def one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Suite], dict[str, torch.Tensor]]:
    """Return a function that trains and returns the weights; the gradients of its last step come
    along."""
    gradients: dict[str, torch.Tensor] = {}

    def step(suite: Suite) -> dict[str, torch.Tensor]:
        with monkeypatch.context() as patch:
            patch.setattr(steps, "build_optimizer", lambda settings, model: build(settings, model))
            train(suite, tmp_path / str(len(list(tmp_path.iterdir()))))
        return dict(gradients)

    real = steps.build_optimizer

    def build(settings: object, model: torch.nn.Module) -> torch.optim.Optimizer:
        optimizer = real(settings, model)  # type: ignore[arg-type]
        optimizer.register_step_pre_hook(
            lambda *_: gradients.update(
                {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
            )
        )
        return optimizer

    return step


@pytest.mark.parametrize("accumulate", [1, 3])
def test_sparse_lookups_change_no_gradient(
    make_suite: MakeSuite,
    one_step: Callable[[Suite], dict[str, torch.Tensor]],
    monkeypatch: pytest.MonkeyPatch,
    accumulate: int,
) -> None:
    suite = make_suite(max_steps=2, batch_tokens=200, clip_norm=None, accumulate=accumulate)
    sparse = one_step(suite)
    monkeypatch.setattr("pet_mtl.model.backbone.Backbone.use_sparse_lookups", lambda self: None)
    dense = one_step(suite)
    assert sparse.keys() == dense.keys()
    assert not any(gradient.is_sparse for gradient in sparse.values())
    for name in dense:
        torch.testing.assert_close(sparse[name], dense[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("accumulate", [2, 3, 1000])
@pytest.mark.parametrize("batch_tokens", [200, 60, 1])
def test_accumulation_changes_no_gradient(
    make_suite: MakeSuite,
    one_step: Callable[[Suite], dict[str, torch.Tensor]],
    accumulate: int,
    batch_tokens: int,
) -> None:
    """With a budget of 1 token a step is one row: fewer rows than pieces."""
    settings = {"max_steps": 2, "batch_tokens": batch_tokens, "clip_norm": None}
    whole = one_step(make_suite(**settings))
    cut = one_step(make_suite(**settings, accumulate=accumulate))
    assert set(cut) == set(whole)
    assert len(whole) > 20
    for name, gradient in whole.items():
        torch.testing.assert_close(cut[name], gradient, rtol=1e-3, atol=2e-5, msg=name)


@pytest.mark.parametrize("accumulate", [2, 3])
def test_accumulation_changes_no_result(
    make_suite: MakeSuite, tmp_path: Path, accumulate: int
) -> None:
    for name, pieces in (("whole", 1), ("cut", accumulate)):
        train(make_suite(epochs=1, accumulate=pieces), tmp_path / name)
    whole, cut = weights_in(tmp_path / "whole" / "last"), weights_in(tmp_path / "cut" / "last")
    for name, value in whole.items():
        torch.testing.assert_close(cut[name], value, rtol=1e-3, atol=2e-4, msg=name)
    one, other = (
        json.loads((tmp_path / run / "last" / "training.json").read_text())
        for run in ("whole", "cut")
    )
    assert {key: one[key] for key in ("rows", "tokens", "step")} == {
        key: other[key] for key in ("rows", "tokens", "step")
    }


@pytest.mark.parametrize(("smoothing", "strength"), [(0.0, 0.0), (0.3, 0.0), (0.1, 0.7)])
def test_the_loss_of_the_first_step_is_the_formulas(
    make_suite: MakeSuite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    smoothing: float,
    strength: float,
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    suite = make_suite(max_steps=1, label_smoothing=smoothing, logit_adjustment=strength)
    train(suite, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[0])

    tokenizer = PieceTokenizer(load_tokenizer(suite.model))
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    rows = {name: data.train for name, data in load_suite_data(suite).items()}
    prompts = encode_suite(suite.tasks, rows, tokenizer, suite.train.max_length)
    schedule = Schedule(
        prompts,
        temperature=suite.sampling.temperature,
        batch_tokens=suite.train.batch_tokens,
        seed=suite.train.seed,
    )
    plan = schedule.epoch(0)[0]
    compiled = compile_suite(suite, tokenizer)
    model = build_model(load_masked_lm(suite.model), compiled, suite, machine)
    log_probs = score_items(model, prompts, [plan], machine, tokenizer)
    losses: dict[str, list[float]] = {}
    for item in plan.items:
        of_item = log_probs[item][~np.isnan(log_probs[item])].astype(np.float64)
        labels = rows[prompts.forms[prompts.form[item]].task].labels
        shares = [max(1, (labels == label).sum()) / len(labels) for label in range(len(of_item))]
        of_item += strength * np.log(shares)
        of_item -= np.log(np.exp(of_item).sum())
        right = -of_item[prompts.label[item]]
        loss = (1 - smoothing) * right + smoothing * -of_item.mean()
        losses.setdefault(prompts.forms[prompts.form[item]].task, []).append(loss)
    assert set(record["loss"]) == set(losses)
    for task, values in losses.items():
        assert record["loss"][task] == pytest.approx(np.mean(values), abs=3e-5)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_adversarial_training_adds_the_gradient_beside_the_embeddings(
    make_suite: MakeSuite,
    one_step: Callable[[Suite], dict[str, torch.Tensor]],
    accumulate: int,
) -> None:
    """Against a step of each row alone, whose looked-up embeddings were moved along their own
    gradient."""
    common: dict[str, object] = {
        "max_steps": 1,
        "clip_norm": None,
        "batch_tokens": 600,
        "accumulate": accumulate,
    }
    here, found = one_step(make_suite(**common)), one_step(make_suite(**common, adversarial=0.5))
    suite = make_suite(**common)
    tokenizer = PieceTokenizer(load_tokenizer(suite.model))
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    rows = {name: data.train for name, data in load_suite_data(suite).items()}
    prompts = encode_suite(suite.tasks, rows, tokenizer, suite.train.max_length)
    schedule = Schedule(
        prompts, temperature=suite.sampling.temperature, batch_tokens=600, seed=suite.train.seed
    )
    plan = schedule.epoch(0)[0]
    mlm = load_masked_lm(suite.model)
    model = build_model(mlm, compile_suite(suite, tokenizer), suite, machine)
    table = mlm.get_input_embeddings()
    there: dict[str, torch.Tensor] = {}
    for item in plan.items:
        batch = collate(
            prompts,
            BatchPlan(np.array([item]), plan.length, 1),
            mask_id=tokenizer.mask_id,
            pad_id=tokenizer.pad_id,
        )
        leaves: list[torch.Tensor] = []

        def replaced(
            _module: object,
            _inputs: object,
            output: torch.Tensor,
            leaves: list[torch.Tensor] = leaves,
        ) -> Any:
            if not leaves:
                leaves.append(output.detach().requires_grad_())
            return leaves[0]

        def loss(batch: Batch = batch) -> torch.Tensor:
            (scores,) = model(batch)
            return torch.nn.functional.cross_entropy(scores, batch.groups[0].labels) / len(
                plan.items
            )

        with hooked(table, replaced):
            (gradient,) = torch.autograd.grad(loss(), leaves)
        moves = 0.5 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
        model.zero_grad()
        with hooked(table, lambda _module, _inputs, output, moves=moves: output + moves):
            loss().backward()  # type: ignore[no-untyped-call]
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                there[name] = there.get(name, torch.zeros_like(parameter)) + parameter.grad
    assert found.keys() == here.keys() == there.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, here[name] + there[name], rtol=1e-3, atol=2e-5, msg=name)
    words = next(name for name in here if name.endswith("word_embeddings.weight"))
    assert not torch.allclose(there[words], here[words], rtol=1e-2, atol=1e-5)


@contextlib.contextmanager
def hooked(table: torch.nn.Module, hook: Any) -> Iterator[None]:
    handle = table.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def test_with_surgery_each_task_is_moved_its_own_way(
    make_suite: MakeSuite,
    one_step: Callable[[Suite], dict[str, torch.Tensor]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    common: dict[str, object] = {
        "max_steps": 1,
        "clip_norm": None,
        "batch_tokens": 600,
        "adversarial": 0.5,
    }
    tasks = ("colour", "mood", "pair")
    alone = [
        one_step(make_suite(**common, weighting={name: float(name == task) for name in tasks}))
        for task in tasks
    ]
    monkeypatch.setattr(
        "pet_mtl.training.task_gradients.factors", lambda _, products, *__: np.ones(len(products))
    )
    found = one_step(make_suite(**common, surgery="pcgrad"))
    for name, gradient in found.items():
        wanted = sum(of_task[name] for of_task in alone)
        torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=2e-5, msg=name)


def test_clipping(
    make_suite: MakeSuite, one_step: Callable[[Suite], dict[str, torch.Tensor]]
) -> None:
    free = one_step(make_suite(max_steps=1, clip_norm=None))
    clipped = one_step(make_suite(max_steps=1, clip_norm=0.01))
    norm = torch.stack([gradient.norm() for gradient in free.values()]).norm()
    assert norm > 0.01
    for name, gradient in free.items():
        torch.testing.assert_close(
            clipped[name], gradient * (0.01 / norm), rtol=1e-3, atol=1e-7, msg=name
        )


def test_each_step_logs_its_rate_and_rows(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    suite = make_suite(max_steps=6, warmup=3, learning_rate=0.0012, evaluate_every=100)
    train(suite, tmp_path / "run")
    records = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    logged = [record for record in records if "loss" in record]
    rates = [0.0004, 0.0008, 0.0012, 0.0012, 0.0008, 0.0004]
    assert [record["learning_rate"] for record in logged] == pytest.approx(rates)
    assert [record["step"] for record in logged] == [1, 2, 3, 4, 5, 6]
    rows = [record["rows"] for record in logged]
    assert rows == sorted(set(rows))
    assert all(len(record["loss"]) >= 1 for record in logged)
