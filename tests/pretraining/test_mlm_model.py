"""The loss at the masked positions against transformers' own forward over every position."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import toys

from pet_mtl.cloze.draws import Draws
from pet_mtl.model.backbone import Backbone
from pet_mtl.pretraining.masking.random_pieces import random_pieces
from pet_mtl.pretraining.mlm_model import MlmBatch, MlmModel, mlm_batch
from pet_mtl.pretraining.rows import PieceRows


def make_batch(rate: float = 0.3, special: int = 5) -> tuple[MlmBatch, Any, Any]:
    draw = np.random.default_rng(0)
    lengths = draw.integers(1, 20, 11)
    ends = np.cumsum(lengths)
    rows = PieceRows(
        pieces=draw.integers(special, 60, int(ends[-1])),
        starts=ends - lengths,
        ends=ends,
        before=(2,),
        after=(3,),
        maskable=np.arange(60) >= special,
        pad_id=1 if special == 6 else 0,
    )
    batch = rows.batch(np.arange(11), 24, 13)
    chosen = random_pieces(batch, Draws(0, 0, batch.numbers), rate)
    corrupted = np.where(chosen, 4, batch.ids)
    return mlm_batch(batch, corrupted, chosen), batch.ids, chosen


@pytest.mark.parametrize(
    "family", ["bert", "roberta", "modernbert", "electra", "albert", "distilbert", "ernie"]
)
def test_loss_accuracy_and_gradients(family: str) -> None:
    mlm = toys.build_mlm(family)
    batch, ids, chosen = make_batch(special=6 if family == "roberta" else 5)
    logits = mlm(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
    targets = torch.from_numpy(np.where(chosen, ids, -100))
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    right = (logits.argmax(-1) == targets).sum()
    wanted = torch.autograd.grad(expected, mlm.get_input_embeddings().weight)[0]
    loss, found_right = MlmModel(Backbone(mlm)).eval()(batch)
    assert batch.masked == chosen.sum()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)
    assert found_right == right
    found = torch.autograd.grad(loss, mlm.get_input_embeddings().weight)[0]
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_targets_are_padded_to_few_shapes() -> None:
    batch, ids, chosen = make_batch()
    assert len(batch.at) == len(batch.targets) == 64
    assert (batch.targets >= 0).sum() == batch.masked == chosen.sum()
    assert batch.slots.shape[1] % 4 == 0
    assert sorted(batch.targets[: batch.masked].tolist()) == sorted(ids[chosen].tolist())


def test_nothing_masked_counts_nothing() -> None:
    batch, _, _ = make_batch(rate=0.0)
    model = MlmModel(Backbone(toys.build_mlm("bert")))
    loss, right = model(batch)
    assert (batch.masked, float(loss.detach()), int(right)) == (0, 0.0, 0)
    loss.backward()
    full, _, _ = make_batch()
    blank = full.without_targets()
    assert (float(model(blank)[0].detach()), blank.masked, blank.tokens) == (0.0, 0, 0)
    assert blank.input_ids.shape == full.input_ids.shape
