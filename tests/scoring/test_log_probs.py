from dataclasses import replace

import numpy as np
import pytest
import torch
import toys
from one_thread import two_threads  # noqa: F401

from pet_mtl.cloze.batch import BatchPlan, cut_batches
from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.form import compile_tasks
from pet_mtl.data.rows import Rows
from pet_mtl.errors import RunError
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring import log_probs
from pet_mtl.scoring.log_probs import score_items, score_plans, task_log_probs

TEXTS = [
    "中国",
    "天气真好",
    "体",
    "good news",
    "文化" * 12,
    "是不是这一条",
    "坏",
    "",
    "科技新闻",
    "a b c",
]


TASKS = {
    "two": toys.make_task(
        ["{mask}。{text}", "{text}是{mask}的"], {"0": ["好"], "1": ["不好", "坏"]}, name="two"
    ),
    "four": toys.make_task(
        "新{text}：{mask}", {"a": ["体育"], "b": ["科技"], "c": ["文化"], "d": ["新闻"]}, "four"
    ),
}


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    """Two tasks, one of them with two patterns and words of one and two pieces, the other with four
    labels."""
    rows = {"two": Rows.of({"text": TEXTS}), "four": Rows.of({"text": TEXTS[::-1][:7]})}
    return encode_suite(TASKS, rows, toys.piece_tokenizer("wordpiece"), 40)


@pytest.fixture(scope="module")
def model(prompts: Prompts) -> ClozeModel:
    tokenizer = toys.piece_tokenizer("wordpiece")
    mlm = toys.build_mlm("bert", tokenizer.vocab_size, dropout=0.3)
    words = compile_tasks(TASKS.values(), tokenizer, 40).words
    return ClozeModel(Backbone(mlm), words, ["mean"] * len(words))


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine.choose("fp32", "eager", torch.device("cpu"))


def score(
    model: ClozeModel, prompts: Prompts, machine: Machine, plans: list[BatchPlan], **more: object
) -> np.ndarray:
    return score_items(model, prompts, plans, machine, toys.piece_tokenizer("wordpiece"), **more)  # type: ignore[arg-type]


def test_scores_are_log_probabilities_of_the_tasks_own_labels(
    model: ClozeModel, prompts: Prompts, machine: Machine
) -> None:
    scores = score(model, prompts, machine, score_plans(prompts, machine))
    assert scores.shape == (len(prompts), 4)
    assert scores.dtype == np.float32
    labels = np.array([form.num_labels for form in prompts.forms])[prompts.form]
    for of_item, count in zip(scores, labels, strict=True):
        assert np.isnan(of_item[count:]).all()
        assert np.exp(of_item[:count]).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("budget", [1, 17, 64, 100, 333, 4096, 10**6])
def test_every_item_is_scored_once_and_alike_whatever_the_budget(
    model: ClozeModel,
    prompts: Prompts,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    budget: int,
) -> None:
    alone = [
        plan for item in range(len(prompts)) for plan in cut_batches(prompts, np.array([item]), 1)
    ]
    expected = score(model, prompts, machine, alone)
    monkeypatch.setattr(log_probs, "SCORE_TOKENS", budget)
    plans = score_plans(prompts, machine)
    assert sorted(np.concatenate([plan.items for plan in plans]).tolist()) == list(
        range(len(prompts))
    )
    seen: list[int] = []
    found = score(model, prompts, machine, plans, on_batch=seen.append)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert seen == [len(plan.items) for plan in plans]


def test_a_gpu_scores_larger_batches(
    prompts: Prompts, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = replace(machine, device=torch.device("cuda"))
    assert log_probs.score_tokens(gpu) > 10 * log_probs.score_tokens(machine)
    monkeypatch.setattr(log_probs, "SCORE_TOKENS", 60)
    assert len(score_plans(prompts, gpu)) < len(score_plans(prompts, machine))


@pytest.mark.usefixtures("two_threads")
def test_batches_side_by_side_score_alike(
    model: ClozeModel, prompts: Prompts, machine: Machine
) -> None:
    plans = [
        plan for item in range(len(prompts)) for plan in cut_batches(prompts, np.array([item]), 1)
    ]
    seen: list[int] = []
    together, alone = Throughput(), Throughput()
    found = score(model, prompts, machine, plans, on_batch=seen.append, throughput=together)
    torch.set_num_threads(1)
    np.testing.assert_array_equal(found, score(model, prompts, machine, plans, throughput=alone))
    assert seen == [1] * len(prompts)
    assert together.rows == alone.rows == len(prompts) - 1
    assert together.tokens == alone.tokens > 0


def test_items_in_no_plan_have_no_score(
    model: ClozeModel, prompts: Prompts, machine: Machine
) -> None:
    items = np.array([3, 11, 20])
    found = score(model, prompts, machine, list(cut_batches(prompts, items, 100)))
    assert np.flatnonzero(~np.isnan(found[:, 0])).tolist() == items.tolist()
    assert np.isnan(score(model, prompts, machine, [])).all()


def test_a_model_that_overflows_is_refused(prompts: Prompts, machine: Machine) -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    mlm = toys.build_mlm("bert", tokenizer.vocab_size)
    with torch.no_grad():
        for layer in mlm.bert.encoder.layer:
            layer.output.dense.weight.mul_(1e38)
    words = compile_tasks(TASKS.values(), tokenizer, 40).words
    broken = ClozeModel(Backbone(mlm), words, ["mean"] * len(words))
    with pytest.raises(RunError, match="the model computes no numbers for some rows"):
        score(broken, prompts, machine, score_plans(prompts, machine))


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_mode_comes_back(
    model: ClozeModel, prompts: Prompts, machine: Machine, training: bool
) -> None:
    model.train(training)
    plans = score_plans(prompts, machine)
    first, second = score(model, prompts, machine, plans), score(model, prompts, machine, plans)
    np.testing.assert_array_equal(first, second)
    assert model.training is training
    assert model.backbone.mlm.training is training


def test_the_model_can_be_trained_afterwards(
    model: ClozeModel, prompts: Prompts, machine: Machine
) -> None:
    """What inference mode makes must not stay in the model: autograd refuses it."""
    from pet_mtl.cloze.collate import collate

    (plan, *_) = score_plans(prompts, machine)
    score(model, prompts, machine, [plan])
    tokenizer = toys.piece_tokenizer("wordpiece")
    batch = collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
    model.zero_grad()
    torch.cat([of_group.flatten() for of_group in model(batch)]).sum().backward()
    assert model.backbone.mlm.get_input_embeddings().weight.grad.abs().sum() > 0


def test_patterns_are_averaged_by_the_obvious_formula(
    model: ClozeModel, prompts: Prompts, machine: Machine
) -> None:
    scores = score(model, prompts, machine, score_plans(prompts, machine))
    found = task_log_probs(prompts, scores)
    assert list(found) == ["two", "four"]
    assert {name: values.shape for name, values in found.items()} == {
        "two": (len(TEXTS), 2),
        "four": (7, 4),
    }
    for row in range(len(TEXTS)):
        of_row = [
            scores[item, :2].astype(np.float64)
            for item in range(len(prompts))
            if prompts.forms[prompts.form[item]].task == "two" and prompts.row[item] == row
        ]
        assert len(of_row) == 2
        geometric = np.exp((of_row[0] + of_row[1]) / 2)
        np.testing.assert_allclose(
            np.exp(found["two"][row]), geometric / geometric.sum(), rtol=1e-5
        )
    four = [
        item for item in range(len(prompts)) if prompts.forms[prompts.form[item]].task == "four"
    ]
    np.testing.assert_allclose(found["four"], scores[four], rtol=1e-5, atol=1e-6)


def test_a_task_without_rows_is_left_out() -> None:
    tasks = {
        name: toys.make_task("{text}{mask}", {"0": ["好"], "1": ["坏"]}, name=name)
        for name in ("first", "second")
    }
    prompts = encode_suite(
        tasks, {"second": Rows.of({"text": ["中", "国"]})}, toys.piece_tokenizer("wordpiece"), 40
    )
    scores = np.log(np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32))
    found = task_log_probs(prompts, scores)
    assert list(found) == ["second"]
    np.testing.assert_allclose(found["second"], scores, rtol=1e-6)


def test_throughput_leaves_the_first_batch_out(
    model: ClozeModel, prompts: Prompts, machine: Machine
) -> None:
    plans = list(cut_batches(prompts, np.arange(len(prompts)), 100))
    throughput = Throughput()
    score(model, prompts, machine, plans, throughput=throughput)
    assert throughput.rows == len(prompts) - len(plans[0].items)
    longest = prompts.lengths * prompts.variants
    assert 0 < throughput.tokens <= int(longest.sum())
    assert throughput.seconds > 0
    assert throughput.to_json()["samples_per_second"] == pytest.approx(
        throughput.rows / throughput.seconds, abs=0.06
    )
    assert Throughput().to_json() == {"samples_per_second": 0.0, "tokens_per_second": 0.0}
