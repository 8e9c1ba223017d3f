"""FGM where patterns have learned pieces: the row's words are moved, the pieces stay."""

import numpy as np
import pytest
import torch
import toys
from torch import Tensor

from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.cloze.collate import Batch, collate
from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.form import compile_tasks
from pet_mtl.data.rows import Rows
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.own_parts import build_own_parts
from pet_mtl.objectives.adversarial import Lookups, move, word_tables

WORDS = {"x": ["好"], "y": ["坏"]}
TASKS = {
    "soft": toys.make_task("{soft:3}{a}：{soft:1}{mask}", WORDS, name="soft"),
    "plain": toys.make_task("{a}{mask}", WORDS, name="plain"),
}
ROWS = Rows.of({"a": ["good news", "天气中国", "体"]}, labels=[0, 1, 0])


class Shifted:
    """A cloze model whose looked-up words are shifted by a leaf `[N, L, E]`."""

    def __init__(self, model: ClozeModel, batch: Batch, shift: Tensor) -> None:
        table = model.backbone.mlm.get_input_embeddings()
        handle = table.register_forward_hook(lambda _module, _inputs, output: output + shift)
        try:
            self.scores = torch.cat(model(batch))
        finally:
            handle.remove()


@pytest.mark.parametrize("family", ["bert", "distilbert"])  # our own encoder path, and hooks
def test_words_are_moved_along_their_gradient_and_pieces_stay(family: str) -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    prompts = encode_suite(TASKS, dict.fromkeys(TASKS, ROWS), tokenizer, 24)
    backbone = Backbone(toys.build_mlm(family, tokenizer.vocab_size))
    compiled = compile_tasks(TASKS.values(), tokenizer, 24)
    parts = build_own_parts(backbone, compiled, list(TASKS.values()))
    assert parts is not None
    assert parts.soft is not None
    model = ClozeModel(backbone, compiled.words, ["mean"] * len(prompts.forms), parts)
    items = np.arange(len(prompts))
    plan = BatchPlan(items, round_up(int(prompts.lengths.max())), len(items))
    batch = collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
    labels = torch.cat([group.labels for group in batch.groups])

    def loss(scores: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(scores, labels, reduction="sum")

    lookups = Lookups(word_tables(model))
    with lookups.watched():
        loss(torch.cat(model(batch))).backward()
    pieces = parts.soft.pieces.detach().clone()
    with lookups.moved(0.7):
        found = torch.cat(model(batch))
    assert torch.equal(parts.soft.pieces, pieces)

    size = backbone.mlm.get_input_embeddings().weight.shape[1]
    leaf = torch.zeros(*batch.input_ids.shape, size, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(Shifted(model, batch, leaf).scores), leaf)
    soft = batch.input_ids >= parts.soft.first
    assert soft.any()
    assert gradient[soft].abs().sum() == 0  # what stands there is not what was looked up
    assert (gradient.flatten(1).norm(dim=1) > 0).all()
    wanted = Shifted(model, batch, move(gradient, 0.7)).scores
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert (found - torch.cat(model(batch))).abs().max() > 1e-3


def test_the_pieces_learn_from_both_passes() -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    prompts = encode_suite(TASKS, dict.fromkeys(TASKS, ROWS), tokenizer, 24)
    backbone = Backbone(toys.build_mlm("bert", tokenizer.vocab_size))
    compiled = compile_tasks(TASKS.values(), tokenizer, 24)
    parts = build_own_parts(backbone, compiled, list(TASKS.values()))
    assert parts is not None
    assert parts.soft is not None
    model = ClozeModel(backbone, compiled.words, ["mean"] * len(prompts.forms), parts)
    plan = BatchPlan(np.arange(3), round_up(int(prompts.lengths.max())), 3)
    batch = collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
    lookups = Lookups(word_tables(model))
    labels = torch.cat([group.labels for group in batch.groups])
    gradients = []
    for moved in (False, True):
        model.zero_grad()
        with lookups.moved(0.7) if moved else lookups.watched():
            scores = torch.cat(model(batch))
            torch.nn.functional.cross_entropy(scores, labels).backward()
        assert parts.soft.pieces.grad is not None
        gradients.append(parts.soft.pieces.grad.clone())
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    assert not torch.allclose(*gradients)
