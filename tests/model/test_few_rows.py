from typing import Any

import numpy as np
import pytest
import torch
import toys
from torch import Tensor

from pet_mtl.model.attention_frame import pad_rows, step_for
from pet_mtl.model.backbone import Backbone


@pytest.mark.parametrize("most", [64, 128, 256])
def test_steps_grow_and_few_shapes_occur(most: int) -> None:
    padded = [len(pad_rows(torch.ones(n, 3), most, training=False)) for n in range(1, 1025)]
    assert padded == sorted(padded)
    assert all(size >= n for n, size in enumerate(padded, 1))
    assert all(size < 2 * n + 16 for n, size in enumerate(padded, 1) if n <= 256)
    many = [len(pad_rows(torch.ones(n, 3), most, training=True)) for n in range(1, 1025)]
    assert len(set(padded)) <= len(set(many)) + 6
    assert padded[256:] == many[256:]
    assert {step_for(n, most) for n in range(257, 1025)} == {most}


def test_padding_is_zeros() -> None:
    rows = pad_rows(torch.ones(5, 2), 128, training=False)
    assert torch.equal(rows[:5], torch.ones(5, 2))
    assert not rows[5:].any()


@pytest.mark.parametrize("family", ["bert", "roberta", "electra"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("autocast", [False, True])
def test_a_row_alone_is_what_it_is_among_many(family: str, attention: str, autocast: bool) -> None:
    backbone = Backbone(toys.build_mlm(family), attention).eval()
    ids, mask, slots = _many(backbone, rows=24, length=20)
    pieces = torch.tensor([7, 8, 11])
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        many = backbone(ids, mask, slots)
        for count in (1, 2, 3, 5, 13):
            alone = backbone(ids[:count], mask[:count], slots[:count])
            torch.testing.assert_close(alone.float(), many[:count].float(), rtol=0, atol=2e-6)
            for read in (
                backbone.head.log_normalizer,
                lambda s: backbone.head.piece_logits(s, pieces),
            ):
                torch.testing.assert_close(read(alone), read(many)[:count], rtol=0, atol=5e-6)


@pytest.mark.parametrize("training", [False, True])
def test_one_row_costs_its_tokens_and_training_keeps_its_shapes(training: bool) -> None:
    mlm = toys.build_mlm("bert")
    for part in mlm.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.1  # the modules themselves run
    backbone = Backbone(mlm).train(training)
    seen: list[int] = []

    def note(module: Any, given: tuple[Tensor, ...]) -> None:
        seen.append(len(given[0]))

    for layer in mlm.base_model.encoder.layer:
        layer.intermediate.dense.register_forward_pre_hook(note)
    mlm.cls.predictions.transform.dense.register_forward_pre_hook(note)
    if not training:  # hooks see the modules of the plain path only
        backbone.encode.attention = "sdpa"  # type: ignore[attr-defined]
    with torch.inference_mode():
        backbone(*_many(backbone, rows=1, length=20))
    assert seen == ([256, 128, 128] if training else [32, 16, 16])


def _many(backbone: Backbone, rows: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    drawn = np.random.default_rng(5)
    ids = torch.from_numpy(drawn.integers(6, 50, (rows, length)))
    lengths = torch.from_numpy(drawn.integers(4, length + 1, rows))
    lengths[0] = length  # of the widest row: each part has the width of all
    mask = (torch.arange(length) < lengths[:, None]).long()
    pad: int = backbone.mlm.config.pad_token_id
    slots = torch.tensor([[1, 2]]).expand(rows, 2)
    return ids.masked_fill(mask == 0, pad), mask, slots
