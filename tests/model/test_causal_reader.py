"""Label words read by causal models against the slow formula: one forward pass for each row and
word, log softmax over the whole vocabulary."""

import math
from typing import Any

import causal_toys
import numpy as np
import pytest
import torch
import toys
from default_dtype import default_dtype
from torch import Tensor

from pet_mtl.cloze.batch import BatchPlan, cut_batches, round_up
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.form import Compiled, compile_tasks
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.causal_reader import CausalReader
from pet_mtl.model.cloze_model import ClozeModel

WORDS = {
    "alike": {"x": ["good news"], "y": ["good"], "z": ["bad", "bad story is it"], "w": ["sport!"]},
    "short": {"x": ["a"], "y": ["b", "c"]},  # single pieces: no tree at all
    "long": {"x": ["天气"], "y": ["天", "体育"], "z": ["体育新闻"]},
}
TASKS = {
    f"{kind}_{how}": toys.make_task(
        ["{a}. It is {mask}", "Topic: {b}{mask}"],
        words,
        name=f"{kind}_{how}",
        prefix="Task: ",
        aggregation=how,
    )
    for kind, words in WORDS.items()
    for how in ("mean", "max", "logsumexp")
}
ROWS = Rows.of(
    {"a": ["good news", "", "it is bad " * 9, "<|endoftext|>"], "b": ["中国", "b" * 9, "c", ""]},
    labels=[0, 1, 0, 1],
)
LONGEST = 48


@pytest.fixture(scope="module")
def tokenizer() -> PieceTokenizer:
    return PieceTokenizer(causal_toys.gpt2_tokenizer(), causal=True)


@pytest.fixture(scope="module")
def compiled(tokenizer: PieceTokenizer) -> Compiled:
    return compile_tasks(TASKS.values(), tokenizer, LONGEST)


@pytest.fixture(scope="module")
def prompts(compiled: Compiled, tokenizer: PieceTokenizer) -> Prompts:
    return encode_forms(compiled.forms, dict.fromkeys(TASKS, ROWS), tokenizer, LONGEST)


def build(
    family: str,
    compiled: Compiled,
    tokenizer: PieceTokenizer,
    tied: bool = True,
    apart: bool = False,
) -> ClozeModel:
    mlm = causal_toys.build_causal(family, tokenizer.vocab_size, tied=tied)
    reader = CausalReader(mlm.config, compiled.words)
    if apart:
        reader._packs = False
    how = [TASKS[form.task].aggregation for form in compiled.forms]
    return ClozeModel(Backbone(mlm), compiled.words, how, reader=reader).eval()


def score(
    model: ClozeModel, prompts: Prompts, plans: list[BatchPlan], tokenizer: PieceTokenizer
) -> dict[int, Tensor]:
    out: dict[int, Tensor] = {}
    for plan in plans:
        batch = collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
        for group, scores in zip(batch.groups, model(batch), strict=True):
            assert scores.dtype == torch.float32
            out |= dict(zip(plan.items[group.items.numpy()].tolist(), scores, strict=True))
    return out


def slowly(mlm: Any, compiled: Compiled, prompts: Prompts, item: int) -> Tensor:
    """Return the label scores of one row, word by word."""
    number = int(prompts.form[item])
    words, how = compiled.words[number], TASKS[compiled.forms[number].task].aggregation
    ids = prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist()
    of_label: list[list[float]] = [[] for _ in range(words.num_labels)]
    for word, label in zip(words.pieces, words.labels, strict=True):
        log_probs = mlm(input_ids=torch.tensor([[*ids, *word]])).logits[0].log_softmax(-1)
        each = [log_probs[len(ids) - 1 + n, piece].item() for n, piece in enumerate(word)]
        of_label[label].append(sum(each) / len(each))
    if how == "mean":
        return torch.tensor([sum(each) / len(each) for each in of_label])
    if how == "max":
        return torch.tensor([max(each) for each in of_label])
    return torch.tensor([math.log(sum(map(math.exp, each))) for each in of_label])


@pytest.mark.parametrize("family", causal_toys.FAMILIES)
@torch.no_grad()
def test_scores_equal_one_pass_for_each_word(
    family: str, compiled: Compiled, prompts: Prompts, tokenizer: PieceTokenizer
) -> None:
    model = build(family, compiled, tokenizer)
    items = np.arange(0, len(prompts), 1 if family in ("gpt2", "bloom") else 3)
    got = score(model, prompts, list(cut_batches(prompts, items, 900)), tokenizer)
    assert sorted(got) == items.tolist()
    for item, scores in got.items():
        wanted = slowly(model.backbone.mlm, compiled, prompts, item)
        task = compiled.forms[prompts.form[item]].task
        if task.startswith("short"):  # the denominator is left out: a constant of the row
            scores, wanted = scores.log_softmax(-1), wanted.log_softmax(-1)
        torch.testing.assert_close(
            scores, wanted, rtol=2e-4, atol=2e-4, msg=lambda m, t=task: f"{t}: {m}"
        )


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@torch.no_grad()
def test_branches_and_trees_say_the_same(
    family: str, compiled: Compiled, prompts: Prompts, tokenizer: PieceTokenizer
) -> None:
    plans = list(cut_batches(prompts, np.arange(len(prompts)), 1200))
    tree, apart = (
        score(
            build(family, compiled, tokenizer, tied=False, apart=apart), prompts, plans, tokenizer
        )
        for apart in (False, True)
    )
    for item in tree:
        torch.testing.assert_close(tree[item], apart[item], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("apart", [False, True])
@torch.no_grad()
def test_neither_padding_nor_the_other_rows_matter(
    apart: bool, compiled: Compiled, prompts: Prompts, tokenizer: PieceTokenizer
) -> None:
    model = build("gpt2", compiled, tokenizer, apart=apart)
    lengths = prompts.lengths
    alone = score(
        model,
        prompts,
        [BatchPlan(np.array([i]), round_up(int(lengths[i])), 1) for i in range(len(prompts))],
        tokenizer,
    )
    order = np.random.default_rng(0).permutation(len(prompts))
    together = score(
        model, prompts, [BatchPlan(order, round_up(int(lengths.max())) + 8, 300)], tokenizer
    )
    for item, scores in alone.items():
        torch.testing.assert_close(together[item], scores, rtol=1e-4, atol=1e-4)


def test_gradients_are_those_of_one_pass_for_each_word(
    compiled: Compiled, prompts: Prompts, tokenizer: PieceTokenizer
) -> None:
    grads = []
    for apart in (False, True):
        model = build("llama", compiled, tokenizer, apart=apart)
        plans = list(cut_batches(prompts, np.arange(0, len(prompts), 5), 900))
        losses = score(model, prompts, plans, tokenizer).values()
        torch.stack([scores.log_softmax(-1)[0] for scores in losses]).sum().backward()
        grads.append({n: p.grad for n, p in model.named_parameters()})
    assert grads[0].keys() == grads[1].keys()
    for name, gradient in grads[0].items():
        assert gradient is not None
        torch.testing.assert_close(
            gradient, grads[1][name], rtol=1e-3, atol=1e-4 * max(1.0, float(gradient.abs().max()))
        )


def test_every_piece_is_computed_once(
    compiled: Compiled, prompts: Prompts, tokenizer: PieceTokenizer
) -> None:
    """One row a prompt, as long as the prompt and the distinct beginnings of its words; the
    denominator once for each place."""
    model = build("gpt2", compiled, tokenizer)
    seen: list[tuple[int, int]] = []
    model.backbone.mlm.base_model.register_forward_pre_hook(
        lambda _, args, given: seen.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    head, rows = model.backbone.head, []
    normalizer = head.log_normalizer
    object.__setattr__(
        head,
        "log_normalizer",
        lambda states: rows.append(states[..., 0].numel()) or normalizer(states),
    )
    number = next(n for n, form in enumerate(compiled.forms) if form.task == "alike_mean")
    items = np.flatnonzero(prompts.form == number)
    plan = BatchPlan(items, round_up(int(prompts.lengths[items].max())), len(items))
    score(model, prompts, [plan], tokenizer)
    words = compiled.words[number].pieces
    beginnings = {word[:n] for word in words for n in range(len(word))}
    longest = int(np.diff(prompts.starts)[items].max())
    assert seen == [(len(items), round_up(longest + len(beginnings) - 1))]
    assert rows == [len(items) * len(beginnings)]


def test_a_window_smaller_than_the_row_is_heeded(
    compiled: Compiled, prompts: Prompts, tokenizer: PieceTokenizer
) -> None:
    model = build("mistral", compiled, tokenizer)
    model.backbone.mlm.config.sliding_window = 6
    for layer in model.backbone.mlm.model.layers:
        layer.self_attn.sliding_window = 6
    model.reader = CausalReader(model.backbone.mlm.config, compiled.words)
    items = np.arange(0, len(prompts), 7)
    with torch.no_grad():
        got = score(model, prompts, list(cut_batches(prompts, items, 900)), tokenizer)
        for item, scores in got.items():
            wanted = slowly(model.backbone.mlm, compiled, prompts, item)
            torch.testing.assert_close(
                scores.log_softmax(-1), wanted.log_softmax(-1), rtol=2e-4, atol=2e-4
            )


@pytest.mark.parametrize("default", [torch.float64, torch.float16])
@torch.no_grad()
def test_a_program_with_another_default_scores_the_same(
    default: torch.dtype, compiled: Compiled, prompts: Prompts, tokenizer: PieceTokenizer
) -> None:
    model = build("gpt2", compiled, tokenizer)
    plans = list(cut_batches(prompts, np.arange(len(prompts)), 900))
    wanted = score(model, prompts, plans, tokenizer)
    with default_dtype(default):
        found = score(model, prompts, plans, tokenizer)
    assert all(torch.equal(found[item], scores) for item, scores in wanted.items())


def test_the_bf16_autocast_with_sdpa_is_close(
    compiled: Compiled, prompts: Prompts, tokenizer: PieceTokenizer
) -> None:
    model = build("gpt2", compiled, tokenizer)
    plans = list(cut_batches(prompts, np.arange(len(prompts)), 900))
    with torch.no_grad():
        exact = score(model, prompts, plans, tokenizer)
        model.backbone.mlm.set_attn_implementation("sdpa")
        again = score(model, prompts, plans, tokenizer)
        with torch.autocast("cpu", torch.bfloat16):
            rough = score(model, prompts, plans, tokenizer)
    for item, scores in exact.items():
        torch.testing.assert_close(again[item], scores, rtol=1e-4, atol=1e-4)
        assert rough[item].isfinite().all()
        torch.testing.assert_close(rough[item].softmax(-1), scores.softmax(-1), rtol=0.2, atol=0.1)
