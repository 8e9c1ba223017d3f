"""Learned pieces against a model that reads embeddings put together by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import toys
from torch import Tensor

from pet_mtl.cloze.batch import cut_batches
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.form import compile_tasks
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.own_parts import OwnParts, build_own_parts
from pet_mtl.suite.task import TaskSpec

WORDS = {"x": ["好", "体育"], "y": ["坏"]}
TASKS = {
    "plain": toys.make_task("{a}{mask}", WORDS, name="plain"),
    "one": toys.make_task(
        ["{soft:3}{a}：{soft:1}{mask}", "{mask}{a}", "{mask}{soft:2}{a}"], WORDS, name="one"
    ),
    "two": toys.make_task("{a}{mask}{soft:2}", WORDS, name="two"),
}
ROWS = Rows.of({"a": ["good news", "天气" * 20, ""]}, labels=[0, 1, 0])


@pytest.fixture(scope="module")
def prompts(word_pieces: PieceTokenizer) -> Prompts:
    return encode_suite(TASKS, dict.fromkeys(TASKS, ROWS), word_pieces, 24)


def build(
    prompts: Prompts, tokenizer: PieceTokenizer, family: str = "bert"
) -> tuple[ClozeModel, OwnParts]:
    backbone = Backbone(toys.build_mlm(family, tokenizer.vocab_size))
    torch.manual_seed(3)
    compiled = compile_tasks(TASKS.values(), tokenizer, 24)
    parts = build_own_parts(backbone, compiled, list(TASKS.values()))
    assert parts is not None
    assert parts.soft is not None
    model = ClozeModel(backbone, compiled.words, ["mean"] * len(prompts.forms), parts)
    return model.eval(), parts


def states(
    model: ClozeModel, prompts: Prompts, tokenizer: PieceTokenizer
) -> dict[tuple[int, int], Tensor]:
    """Return the states of each item's prompt with each number of masks."""
    out = {}
    for plan in cut_batches(prompts, np.arange(len(prompts)), 200):
        batch = collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
        found = model.states(batch)
        for group in batch.groups:
            for masks, rows in group.prompts.items():
                items = batch.items[group.items.numpy()].tolist()
                out |= {
                    (item, masks): found[row, :masks]
                    for item, row in zip(items, rows.tolist(), strict=True)
                }
    return out


def oracle(
    model: ClozeModel, ids: Sequence[int], pieces: Tensor, first: int, slots: slice
) -> Tensor:
    """Return the logits at the slots of one prompt, its embeddings put together one by one."""
    mlm = model.backbone.mlm
    table = mlm.get_input_embeddings().weight
    rows = torch.stack([pieces[i - first] if i >= first else table[i] for i in ids])
    result: Tensor = mlm(inputs_embeds=rows[None]).logits[0, slots]
    return result


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra", "albert", "deberta-v2"])
@torch.no_grad()
def test_states_equal_those_of_embeddings_put_together_by_hand(
    prompts: Prompts, word_pieces: PieceTokenizer, family: str
) -> None:
    model, parts = build(prompts, word_pieces, family)
    assert parts.soft is not None
    of_task = {
        "plain": parts.soft.pieces[:0],
        "one": parts.soft.pieces[:6],
        "two": parts.soft.pieces[6:],
    }
    assert len(of_task["two"]) == 2
    found = states(model, prompts, word_pieces)
    assert len(found) == 2 * len(prompts)
    for (item, masks), got in found.items():
        ids = prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist()
        at = int(prompts.slot_at[item])
        ids[at:at] = [word_pieces.mask_id] * masks
        pieces = of_task[prompts.forms[prompts.form[item]].task]
        wanted = oracle(model, ids, pieces, word_pieces.vocab_size, slice(at, at + masks))
        torch.testing.assert_close(model.backbone.head.logits(got), wanted, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_roberta_counts_positions_over_learned_pieces(
    prompts: Prompts, word_pieces: PieceTokenizer
) -> None:
    """Its positions count what is no padding: the stand-in must not be padding, whose id is 1
    here."""
    _, parts = build(prompts, word_pieces, "roberta")
    assert parts.soft is not None
    ids = torch.tensor([[5, word_pieces.vocab_size, 6]])
    clean, _ = parts.soft.placed(ids, torch.tensor([0]))
    assert clean.tolist() == [[5, 0, 6]]


def test_pieces_start_as_pieces_of_the_vocabulary_and_alone_get_their_gradient(
    prompts: Prompts, word_pieces: PieceTokenizer
) -> None:
    model, parts = build(prompts, word_pieces)
    assert parts.soft is not None
    table = model.backbone.mlm.get_input_embeddings().weight
    assert all((table == piece).all(-1).any() for piece in parts.soft.pieces)
    assert torch.equal(parts.soft.pieces, build(prompts, word_pieces)[1].soft.pieces)  # type: ignore[union-attr]
    found = states(model, prompts, word_pieces)
    last = max(item for item, _ in found)
    assert prompts.forms[prompts.form[last]].task == "two"
    found[last, 1].pow(2).sum().backward()
    assert parts.soft.pieces.grad is not None
    assert (parts.soft.pieces.grad.abs().sum(-1) > 0).tolist() == [False] * 6 + [True] * 2
    assert not model.backbone.mlm.get_input_embeddings()._forward_hooks


def test_learned_pieces_are_never_cut(prompts: Prompts, word_pieces: PieceTokenizer) -> None:
    soft = np.flatnonzero(np.isin(prompts.form, [1]))
    for item in soft:
        ids = (
            prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].astype(np.int64)
            - word_pieces.vocab_size
        )
        assert ids[ids >= 0].tolist() == [0, 1, 2, 3]
    assert prompts.lengths.max() == 24


def test_plain_tasks_add_nothing(word_pieces: PieceTokenizer) -> None:
    plain: dict[str, TaskSpec] = {"plain": TASKS["plain"]}
    compiled = compile_tasks(plain.values(), word_pieces, 24)
    assert (
        build_own_parts(
            Backbone(toys.build_mlm("bert", word_pieces.vocab_size)), compiled, [TASKS["plain"]]
        )
        is None
    )
