"""Conditional LayerNorm against the plain cloze model, and against a model whose norms are
rewritten for one task."""

import copy
from functools import cache
from typing import Any

import pytest
import torch
import toys
from torch import Tensor, nn
from toy_methods import TASKS, batches, compiled, encode, make_model, make_suite, score

from pet_mtl.errors import PetMtlError
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.conditional_norm import ConditionalNorms
from pet_mtl.model.methods.cln import ConditionalModel
from pet_mtl.suite.suite import Suite

EVERY = [*toys.FAMILIES, "mpnet", "roformer", "convbert", "flaubert"]


@cache
def mlm(family: str) -> Any:
    return toys.build_mlm(family, toys.piece_tokenizer("wordpiece").vocab_size)


def plain_model(suite: Suite, model: Any, attention: str = "eager") -> ClozeModel:
    """Return the cloze model without conditions, over the same rows."""
    both = compiled(suite)
    aggregations = [TASKS[form.task].aggregation for form in both.forms]
    return ClozeModel(Backbone(model, attention), both.words, aggregations).eval()


def fill(model: ConditionalModel) -> None:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in (model.own.tasks.weight, *model.own.norms.weights):
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5)


def rewritten(model: ConditionalModel, task: int) -> Any:
    """Return a copy of the masked language model whose every norm has the task's γ' and β'."""
    condition, changed = model.own.tasks.weight[task], copy.deepcopy(model.backbone.mlm)
    norms = [
        (name, module)
        for name, module in changed.named_modules()
        if isinstance(module, nn.LayerNorm)
    ]
    for (name, norm), weight in zip(norms, model.own.norms.weights, strict=True):
        width = norm.normalized_shape[0]
        new = nn.LayerNorm(width, eps=norm.eps)
        with torch.no_grad():
            new.weight.copy_(norm.weight + weight[:width] @ condition)
            new.bias.copy_((0 if norm.bias is None else norm.bias) + weight[width:] @ condition)
        parent = changed.get_submodule(name.rpartition(".")[0])
        setattr(parent, name.rpartition(".")[2], new)
    return changed.eval()


@pytest.mark.parametrize(
    ("family", "attention"),
    [*((family, "eager") for family in EVERY), ("bert", "sdpa"), ("roberta", "sdpa")],
)
@pytest.mark.parametrize("bf16", [False, True])
@torch.no_grad()
def test_at_the_start_nothing_changes_to_the_last_bit(
    family: str, attention: str, bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pet_mtl.model.slot_encoder.fits_fused_layer", lambda layer: False
    )  # it rounds its own way
    suite = make_suite("cln", size=8)
    model, plain = (
        make_model(suite, mlm(family), attention),
        plain_model(suite, mlm(family), attention),
    )
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for budget in (10_000, 90):
            wanted = score(plain, batches(suite, budget))
            for item, scores in score(model, batches(suite, budget)).items():
                if family == "convbert":  # read by length, in products of other shapes
                    assert torch.allclose(scores, wanted[item], atol=1e-5)
                else:
                    assert torch.equal(scores, wanted[item])


@pytest.mark.parametrize("family", EVERY)
@pytest.mark.parametrize("budget", [10_000, 90])
@torch.no_grad()
def test_each_row_has_the_norms_of_its_task(family: str, budget: int) -> None:
    suite = make_suite("cln", size=8)
    model = make_model(suite, mlm(family))
    assert isinstance(model, ConditionalModel)
    before = score(model, batches(suite, budget))
    fill(model)
    got = score(model, batches(suite, budget))
    prompts = encode(suite)
    wanted = [
        score(plain_model(suite, rewritten(model, task)), batches(suite, budget))
        for task in range(2)
    ]
    for item, scores in got.items():
        task = list(TASKS).index(prompts.forms[prompts.form[item]].task)
        torch.testing.assert_close(scores, wanted[task][item], rtol=1e-3, atol=1e-3)
        assert not torch.allclose(scores, wanted[1 - task][item], rtol=1e-2, atol=1e-2)
        assert not torch.allclose(scores, before[item], rtol=1e-2, atol=1e-2)


def test_many_slots_and_short_rows_are_told_apart() -> None:
    """Rows laid end to end are counted by the slots in the last layer and by the length below it,
    never guessed."""
    backbone = Backbone(mlm("bert"))
    norms = ConditionalNorms(backbone, 3)
    ids = torch.randint(5, 40, (32, 8), generator=torch.Generator().manual_seed(0))
    slots, mask = torch.arange(7).expand(32, -1), torch.ones_like(ids)
    rows, conditions = torch.arange(32) % 2, torch.tensor([[0.0, 0.0, 0.0], [1.0, -1.0, 0.5]])
    with torch.no_grad():
        for weight in norms.weights:
            weight.copy_(
                torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.2
            )
        plain = backbone(ids, mask, slots)
        mixed = backbone(ids, mask, slots, norms.conditioned(conditions, rows, 8, 7))
        ones = backbone(
            ids, mask, slots, norms.conditioned(conditions, torch.ones_like(rows), 8, 7)
        )
        torch.testing.assert_close(mixed[0::2], plain[0::2], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(mixed[1::2], ones[1::2], rtol=1e-5, atol=1e-5)
        assert torch.equal(backbone(ids, mask, slots), plain)  # the backbone is left as it was


@pytest.mark.parametrize("family", ["bert", "modernbert", "roformer"])
@torch.no_grad()
def test_states_of_items_are_read_under_their_task(family: str) -> None:
    """As loss terms do that make one state of a row, and read it with the MLM head."""
    suite = make_suite("cln", size=8)
    model = make_model(suite, mlm(family))
    assert isinstance(model, ConditionalModel)
    fill(model)
    prompts, (batch,) = encode(suite), batches(suite)
    states = torch.randn(len(batch.items), model.backbone.mlm.config.hidden_size)
    found = model.read_items(batch, states)
    for task, name in enumerate(TASKS):
        own = [
            p
            for p, item in enumerate(batch.items)
            if prompts.forms[prompts.form[item]].task == name
        ]
        wanted = Backbone(rewritten(model, task)).head.states(states[own, None])[:, 0]
        torch.testing.assert_close(found[own], wanted, rtol=1e-4, atol=1e-4)


def test_gradients_reach_norms_and_tasks() -> None:
    suite = make_suite("cln", size=8)
    model = make_model(suite, copy.deepcopy(mlm("bert")))
    assert isinstance(model, ConditionalModel)

    def backward() -> None:
        model.zero_grad()
        sum(
            scores.log_softmax(-1)[0] for scores in score(model, batches(suite)).values()
        ).backward()

    backward()
    gradients: list[Tensor | None] = [weight.grad for weight in model.own.norms.weights]
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)
    assert not model.own.tasks.weight.grad.any()  # W is zero
    fill(model)
    backward()
    assert (model.own.tasks.weight.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("prefix", [False, True])
def test_rows_have_a_prefix_only_if_asked(prefix: bool) -> None:
    both = compiled(make_suite("cln", prefix=prefix))
    kinds = [{part.kind for part in form.parts} for form in both.forms]
    assert all(("prefix" in of_form) is prefix for of_form in kinds)
    assert both.words == compiled(make_suite("pet")).words


def test_counts() -> None:
    model = make_model(make_suite("cln", size=8), mlm("bert"))
    norms = [module for module in mlm("bert").modules() if isinstance(module, nn.LayerNorm)]
    assert len(norms) == 1 + 2 * 2 + 1  # embeddings, two a layer, the head
    counts = model.parameter_counts()
    own = 2 * 8 + len(norms) * 2 * 32 * 8
    assert counts.all - own == sum(parameter.numel() for parameter in mlm("bert").parameters())
    assert counts.task_specific == 2 * 8


def test_a_model_without_norms_is_refused() -> None:
    model = copy.deepcopy(mlm("bert"))
    for module in model.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, nn.LayerNorm):
                setattr(module, name, nn.Identity())
    with pytest.raises(PetMtlError, match="no LayerNorm"):
        make_model(make_suite("cln"), model)
