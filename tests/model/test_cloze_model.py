"""The scoring rule against loops: one forward pass for each row and word, log softmax over the
whole vocabulary."""

import math

import numpy as np
import pytest
import torch
import toys
from torch import Tensor

from pet_mtl.cloze.batch import BatchPlan, cut_batches
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.form import compile_tasks
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.word_scores import aggregate

EQUAL = {"x": ["好", "坏", "真"], "y": ["是"], "z": ["中", "国"]}
MIXED = {"x": ["好", "体育新闻"], "y": ["科技", "坏", "文化"], "z": ["真天气"], "w": ["中"]}
ROWS = Rows.of(
    {"a": ["good", "", "天气" * 30, "x [MASK] y"], "b": ["中国", "b" * 9, "c", ""]},
    labels=[0, 1, 2, 0],
)
TASKS = {
    f"{kind}_{how}": toys.make_task(
        ["这是{mask}：{a}", "{b}。{mask}？{a}"],
        words,
        name=f"{kind}_{how}",
        prefix="分类：",
        aggregation=how,
        slots=slots,
    )
    for kind, words, slots in (
        ("equal", EQUAL, "exact"),
        ("mixed", MIXED, "exact"),
        ("shared", MIXED, "shared"),
        ("grouped", MIXED, 2),
    )
    for how in ("mean", "max", "logsumexp")
}


@pytest.fixture(scope="module")
def prompts(word_pieces: PieceTokenizer) -> Prompts:
    return encode_suite(TASKS, dict.fromkeys(TASKS, ROWS), word_pieces, 40)


def build_model(
    prompts: Prompts, tokenizer: PieceTokenizer, family: str = "bert", attention: str = "eager"
) -> ClozeModel:
    backbone = Backbone(toys.build_mlm(family, tokenizer.vocab_size), attention)
    compiled = compile_tasks(TASKS.values(), tokenizer, 40)
    aggregations = [TASKS[form.task].aggregation for form in compiled.forms]
    return ClozeModel(backbone, compiled.words, aggregations).eval()


def oracle(mlm: torch.nn.Module, prompts: Prompts, item: int, mask_id: int) -> list[float]:
    """Return the label scores of one prompt."""
    form = prompts.forms[prompts.form[item]]
    compiled = compile_tasks(TASKS.values(), toys.piece_tokenizer("wordpiece"), 40)
    words = compiled.words[prompts.form[item]]
    ids = prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist()
    at = int(prompts.slot_at[item])
    of_label: list[list[float]] = [[] for _ in range(form.num_labels)]
    for word, label in zip(words.pieces, words.labels, strict=True):
        row = torch.tensor([[*ids[:at], *[mask_id] * len(word), *ids[at:]]])
        log_probs = (
            mlm(input_ids=row, attention_mask=torch.ones_like(row)).logits[0].log_softmax(-1)
        )
        pieces = [log_probs[at + place, piece].item() for place, piece in enumerate(word)]
        of_label[label].append(sum(pieces) / len(pieces))
    how = TASKS[form.task].aggregation
    if how == "mean":
        return [sum(scores) / len(scores) for scores in of_label]
    return [
        max(scores) if how == "max" else math.log(sum(map(math.exp, scores))) for scores in of_label
    ]


def score(
    model: ClozeModel, prompts: Prompts, plans: list[BatchPlan], tokenizer: PieceTokenizer
) -> dict[int, Tensor]:
    out = {}
    for plan in plans:
        batch = collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
        for group, scores in zip(batch.groups, model(batch), strict=True):
            assert scores.dtype == torch.float32
            out |= dict(zip(plan.items[group.items.numpy()].tolist(), scores, strict=True))
    return out


@pytest.mark.parametrize(
    ("family", "attention"),
    [("bert", "eager"), ("bert", "sdpa"), ("distilbert", "eager"), ("mpnet", "eager")],
)
@torch.no_grad()
def test_scores_equal_the_loops(
    prompts: Prompts, word_pieces: PieceTokenizer, family: str, attention: str
) -> None:
    model = build_model(prompts, word_pieces, family, attention)
    step = 1 if attention == "eager" else 5
    got = score(
        model,
        prompts,
        list(cut_batches(prompts, np.arange(0, len(prompts), step), 900)),
        word_pieces,
    )
    assert sorted(got) == list(range(0, len(prompts), step))
    for item, scores in got.items():
        form = prompts.forms[prompts.form[item]]
        wanted = torch.tensor(oracle(model.backbone.mlm, prompts, item, word_pieces.mask_id))
        if len(form.masks) == 1:  # the normaliser is left out: a constant for all labels of a row
            scores, wanted = scores.log_softmax(-1), wanted.log_softmax(-1)
        torch.testing.assert_close(
            scores, wanted, rtol=1e-4, atol=1e-4, msg=lambda m, t=form.task: f"{t}: {m}"
        )


@torch.no_grad()
def test_scores_do_not_depend_on_the_batch(prompts: Prompts, word_pieces: PieceTokenizer) -> None:
    model = build_model(prompts, word_pieces)
    alone = score(
        model, prompts, [BatchPlan(np.array([i]), 40, 1) for i in range(len(prompts))], word_pieces
    )
    order = np.random.default_rng(0).permutation(len(prompts))
    together = score(model, prompts, [BatchPlan(order, 64, 300)], word_pieces)
    for item, scores in alone.items():
        torch.testing.assert_close(together[item], scores, rtol=1e-5, atol=2e-5)


def test_gradients_of_a_mixed_batch_equal_the_sum_of_single_ones(
    prompts: Prompts, word_pieces: PieceTokenizer
) -> None:
    model = build_model(prompts, word_pieces)
    chosen = np.arange(0, len(prompts), 5)

    def gradients(plans: list[BatchPlan]) -> list[Tensor]:
        model.zero_grad(set_to_none=True)
        sum(
            s.log_softmax(-1)[0] for s in score(model, prompts, plans, word_pieces).values()
        ).backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    one_batch = gradients([BatchPlan(chosen, 40, 100)])
    singly = gradients([BatchPlan(np.array([i]), 40, 1) for i in chosen])
    assert len(one_batch) == len(singly) > 20
    for got, wanted in zip(one_batch, singly, strict=True):
        assert got.isfinite().all()
        torch.testing.assert_close(
            got, wanted, rtol=1e-3, atol=1e-4 * max(1.0, float(wanted.abs().max()))
        )


def test_aggregate() -> None:
    scores = torch.tensor([[1.0, 4.0, 2.0, -3.0]])
    words_of_label = torch.tensor([[2, 0, 1], [3, 3, 3]])
    is_word = torch.tensor([[True, True, True], [True, False, False]])
    mean = aggregate(scores, words_of_label, is_word, "mean")
    torch.testing.assert_close(mean, torch.tensor([[7 / 3, -3.0]]))
    assert aggregate(scores, words_of_label, is_word, "max").tolist() == [[4.0, -3.0]]
    wanted = math.log(math.exp(1) + math.exp(4) + math.exp(2))
    torch.testing.assert_close(
        aggregate(scores, words_of_label, is_word, "logsumexp"), torch.tensor([[wanted, -3.0]])
    )


@pytest.mark.parametrize("how", ["max", "logsumexp", "mean"])
def test_absent_words_pass_no_gradient_and_no_nan(how: str) -> None:
    scores = torch.tensor([[1.0, 4.0, -2.0]], requires_grad=True)
    words_of_label = torch.tensor([[0, 1], [2, 2]])
    aggregate(scores, words_of_label, torch.tensor([[True, True], [True, False]]), how)[
        0, 1
    ].backward()
    assert scores.grad is not None
    assert scores.grad.tolist() == [[0.0, 0.0, 1.0]]


def test_the_backbone_owns_all_parameters(prompts: Prompts, word_pieces: PieceTokenizer) -> None:
    model = build_model(prompts, word_pieces)
    assert {id(p) for p in model.parameters()} == {id(p) for p in model.backbone.mlm.parameters()}
    assert set(model.state_dict()) == {
        f"backbone.mlm.{name}" for name in model.backbone.mlm.state_dict()
    }


def test_moving_the_model_moves_its_word_tables(
    prompts: Prompts, word_pieces: PieceTokenizer
) -> None:
    model = build_model(prompts, word_pieces).to("meta")
    for table in model._tables:
        tensors = [*table.pieces.values(), table.words_of_label, table.is_word]
        assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert model.piece_ids.device.type == "meta"
