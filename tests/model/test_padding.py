import copy
from typing import Any

import pytest
import torch
import toys

from pet_mtl.cloze.form import compile_forms
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.encoder import Encoder
from pet_mtl.model.padding import padding_matters, read_by_length
from pet_mtl.model.soft_pieces import SoftPieces

SLOTS = torch.tensor([[1], [2], [4], [1]])
LENGTHS = (3, 8, 5, 3)


def fnet() -> Any:
    """A tiny FNet: it mixes a row over its width, padding included."""
    from transformers import FNetConfig, FNetForMaskedLM

    torch.manual_seed(0)
    config = FNetConfig(
        vocab_size=60,
        hidden_size=32,
        num_hidden_layers=2,
        intermediate_size=48,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        pad_token_id=0,
        tpu_short_seq_length=32,
    )
    return FNetForMaskedLM(config).eval()


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    mask = (torch.arange(8) < torch.tensor(LENGTHS)[:, None]).long()
    return torch.randint(5, 60, (4, 8), generator=generator) * mask, mask


def by_itself(backbone: Backbone, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    each = [
        backbone.hidden(ids[i : i + 1, :n], mask[i : i + 1, :n], SLOTS[i : i + 1])
        for i, n in enumerate(LENGTHS)
    ]
    return torch.cat(each)


def test_a_row_scores_alike_whatever_stands_beside_it() -> None:
    mlm = fnet()
    backbone = Backbone(mlm)
    ids, mask = rows()
    with torch.no_grad():
        together = backbone.hidden(ids, mask, SLOTS)
        alone = by_itself(backbone, ids, mask)
        padded = backbone.whole(ids, mask)[torch.arange(4)[:, None], SLOTS]
    assert torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(padded, alone, atol=1e-2)  # this is what it would be


def test_gradients_reach_every_row() -> None:
    backbone = Backbone(fnet())
    ids, mask = rows()
    backbone.hidden(ids, mask, SLOTS).square().sum().backward()
    together = [p.grad.clone() for p in backbone.parameters() if p.grad is not None]
    backbone.zero_grad()
    by_itself(backbone, ids, mask).square().sum().backward()
    alone = [p.grad for p in backbone.parameters() if p.grad is not None]
    assert len(together) == len(alone) > 10
    for left, right in zip(together, alone, strict=True):
        assert torch.allclose(left, right, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    "family", ["deberta-v2", "modernbert", "albert", "distilbert", "ernie-task-ids"]
)
def test_families_with_masks_are_read_at_once(family: str) -> None:
    backbone = Backbone(toys.build_mlm(family))
    assert not padding_matters(backbone.mlm, backbone.whole)
    assert not backbone.by_length


def test_it_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    mlm = fnet()
    first = Backbone(mlm)
    calls: list[int] = []
    monkeypatch.setattr(
        type(mlm.base_model), "forward", lambda *_, **__: calls.append(1), raising=True
    )
    assert Backbone(mlm).by_length
    assert first.by_length
    assert not calls


def test_heads_read_it_by_length_too() -> None:
    mlm = fnet()
    encoder = Encoder(mlm, "eager")
    ids, mask = rows()
    with torch.no_grad():
        together = encoder(ids, mask)
        layers = encoder.layers(ids, mask)
        for i, n in enumerate(LENGTHS):
            alone = encoder(ids[i : i + 1, :n], mask[i : i + 1, :n])[0]
            assert torch.allclose(together[i, :n], alone, atol=1e-5)
            assert torch.allclose(layers[-1][i, :n], alone, atol=1e-5)
    assert len(layers) == 3
    assert copy.deepcopy(encoder)(ids, mask).shape == together.shape


def test_amendments_of_a_batch_are_read_by_length_too() -> None:
    backbone = Backbone(fnet())
    ids, mask = rows()
    embeddings, marked = backbone.mlm.get_input_embeddings(), torch.tensor([0.0, 1.0, 2.0, 3.0])

    def amended(of: torch.Tensor) -> dict[Any, Any]:
        return {embeddings: lambda _, output: output + of[:, None, None]}

    with torch.no_grad():
        together = backbone.hidden(ids, mask, SLOTS, amended(marked))
        for i, n in enumerate(LENGTHS):
            one = slice(i, i + 1)
            alone = backbone.hidden(ids[one, :n], mask[one, :n], SLOTS[one], amended(marked[one]))
            assert torch.allclose(together[one], alone, atol=1e-5)


def test_learned_pieces_are_read_by_length_too() -> None:
    backbone = Backbone(fnet())
    task = toys.make_task("{soft:2}{mask}{text}", {"0": ["好"], "1": ["坏"]})
    forms = compile_forms(task, toys.piece_tokenizer("wordpiece"), 64).forms
    soft = SoftPieces(backbone.mlm, forms)
    ids, mask = rows()
    ids[:, 1], ids[1, 6] = soft.first, soft.first + 1
    starts = torch.zeros(4, dtype=torch.long)
    with torch.no_grad():
        together = backbone.hidden(*_placed(soft, ids, mask, starts))
        for i, n in enumerate(LENGTHS):
            one = slice(i, i + 1)
            placed = _placed(soft, ids[one, :n], mask[one, :n], starts[one], SLOTS[one])
            assert torch.allclose(together[one], backbone.hidden(*placed), atol=1e-5)


def _placed(
    soft: Any, ids: torch.Tensor, mask: torch.Tensor, starts: torch.Tensor, slots: Any = SLOTS
) -> tuple[Any, ...]:
    plain, amendments = soft.placed(ids, starts)
    return plain, mask, slots, amendments


def test_the_order_of_rows_stays() -> None:
    ids, mask = rows()
    assert torch.equal(read_by_length(lambda i, m: (i * m)[..., None], ids, mask)[..., 0], ids)
