"""The fused layer against the modules' own forward and autograd."""

import copy

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from pet_mtl.model import fused_layer as module
from pet_mtl.model import slot_encoder
from pet_mtl.model.attention_frame import Frame
from pet_mtl.model.fused_layer import fits_fused_layer, fused_layer
from pet_mtl.model.slot_encoder import SlotEncoder

HEADS, SIZE = 2, 16


def bert(**changes: object) -> BertModel:
    torch.manual_seed(0)
    settings = {
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.3,
    } | changes
    config = BertConfig(
        vocab_size=50,
        hidden_size=SIZE,
        num_hidden_layers=3,
        num_attention_heads=HEADS,
        intermediate_size=32,
        max_position_embeddings=64,
        **settings,
    )
    config._attn_implementation = "eager"
    return BertModel(config, add_pooling_layer=False)


def batch(count: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    mask = (torch.arange(length) < torch.randint(3, length + 1, (count, 1))).long()
    slots = torch.stack([torch.randint(0, 3, (count,)), torch.zeros(count, dtype=torch.long)], 1)
    return torch.randint(1, 50, (count, length)), mask, slots


def outputs_and_gradients(
    model: BertModel, shape: tuple[int, int], kind: torch.dtype
) -> list[Tensor]:
    ids, mask, slots = batch(*shape)
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == torch.bfloat16):
        out = SlotEncoder(model, "eager")(ids, mask, slots)
    torch.manual_seed(2)
    (out.float() * torch.randn(out.shape)).sum().backward()
    # a key's bias moves all scores of a query alike: its gradient is zero but for rounding
    used = [
        p.grad
        for name, p in model.named_parameters()
        if p.grad is not None and "key.bias" not in name
    ]
    return [out.detach(), *used]


SHAPES = [(1, 5), (7, 9), (16, 16), (20, 33), (70, 20)]


def plain_and_fused(
    shape: tuple[int, int], kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Tensor], list[Tensor]]:
    model = bert().train()
    fused = outputs_and_gradients(model, shape, kind)
    with monkeypatch.context() as patch:
        patch.setattr(slot_encoder, "fits_fused_layer", lambda layer: False)
        plain = outputs_and_gradients(model, shape, kind)
    assert len(fused) == len(plain) > 3 * 14
    return plain, fused


def distances(mine: list[Tensor], theirs: list[Tensor]) -> Tensor:
    return torch.stack(
        [(a.float() - b).norm() / (b.norm() + 1e-3) for a, b in zip(mine, theirs, strict=True)]
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_modules_autograd(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, fused = plain_and_fused(shape, torch.float32, monkeypatch)
    assert float(distances(fused, plain).max()) <= 1e-5


@pytest.mark.parametrize(
    ("shape", "onednn"), [*((shape, True) for shape in SHAPES), (SHAPES[3], False)]
)
def test_bf16_is_as_near_to_fp32_as_the_modules(
    shape: tuple[int, int], onednn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not onednn:  # processors for which it has no bf16
        monkeypatch.setattr(module, "_pointwise", lambda: None)
    exact, _ = plain_and_fused(shape, torch.float32, monkeypatch)
    exact = [tensor.clone() for tensor in exact]
    plain, fused = plain_and_fused(shape, torch.bfloat16, monkeypatch)
    off, allowed = distances(fused, exact), distances(plain, exact)
    assert float(off.mean()) <= 1.25 * float(allowed.mean())
    assert float(off.max()) <= 2 * float(allowed.max())


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_in_the_kernels_layout_score_the_same(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, mask, slots = batch(*shape)

    def scored(model: BertModel) -> Tensor:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            return SlotEncoder(model, "eager")(ids, mask, slots)

    model = bert().eval()
    packed = scored(model)
    kept = [module._CASTS[layer] for layer in model.encoder.layer]
    assert [[*each] for each in kept] == [[False], [False], [True]]  # the last: queries apart
    if module._pointwise() is not None:
        assert all(casts.up.is_mkldnn for each in kept for _, casts in each.values())
    monkeypatch.setattr(module, "_packed", lambda casts: casts)
    assert torch.equal(packed, scored(bert().eval()))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    assert not torch.equal(packed, scored(model))  # no old weights


def test_gradients_by_finite_differences() -> None:
    layer = bert().double().encoder.layer[0]
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]])
    frame = Frame.of(mask, HEADS, torch.float64)
    torch.manual_seed(3)
    hidden = torch.randn(8, SIZE, dtype=torch.float64, requires_grad=True)
    queries = torch.randn(4, SIZE, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: fused_layer(layer, None, h, frame, 4), [hidden])
    assert torch.autograd.gradcheck(
        lambda q, h: fused_layer(layer, q, h, frame, 2), [queries, hidden]
    )


@pytest.mark.parametrize(
    ("changes", "train", "fits"),
    [
        ({}, True, True),
        ({"hidden_dropout_prob": 0.1}, True, False),
        ({"hidden_dropout_prob": 0.1}, False, True),
        ({"attention_probs_dropout_prob": 0.1}, True, False),
        ({"hidden_act": "relu"}, False, False),
        ({"hidden_act": "gelu_new"}, False, False),
    ],
)
def test_what_it_takes_on(changes: dict[str, object], train: bool, fits: bool) -> None:
    assert fits_fused_layer(bert(**changes).train(train).encoder.layer[0]) == fits


def test_a_rewritten_linear_layer_is_not_taken_on() -> None:
    class OwnLinear(torch.nn.Linear):
        pass

    for path in (
        "attention.self.key",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    ):
        layer = bert().encoder.layer[0]
        old = layer.get_submodule(path)
        layer.set_submodule(path, OwnLinear(old.in_features, old.out_features))
        assert not fits_fused_layer(layer), path


def test_a_rewritten_norm_is_not_taken_on() -> None:
    class OwnNorm(torch.nn.LayerNorm):
        pass

    layer = bert().encoder.layer[0]
    layer.output.LayerNorm = OwnNorm(SIZE)
    assert not fits_fused_layer(layer)


def test_a_hooked_norm_is_not_taken_on() -> None:
    layer = bert().encoder.layer[0]
    handle = layer.attention.output.LayerNorm.register_forward_hook(lambda *_: None)
    assert not fits_fused_layer(layer)
    handle.remove()
    assert fits_fused_layer(layer)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_scoring_sees_what_a_fused_optimizer_changed(dropout: float) -> None:
    model = bert(hidden_dropout_prob=dropout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    encode = SlotEncoder(model, "eager")
    for _ in range(2):
        same = copy.deepcopy(model.eval())
        with torch.inference_mode():
            found = encode(*batch(7, 9))
            expected = SlotEncoder(same, "eager")(*batch(7, 9))
        assert torch.equal(found, expected)
        model.train()
        encode(*batch(7, 9)).square().sum().backward()
        optimizer.step()


def test_attention_works_in_few_shapes() -> None:
    shapes = {
        tuple(Frame.of(batch(n, length)[1], HEADS, torch.float32).bias.shape)
        for n, length in [(17, 17), (30, 31)]
    }
    assert shapes == {(32 * HEADS, 1, 32)}
    few = [len(Frame.of(batch(n, 17)[1], HEADS, torch.float32).bias) for n in (1, 2, 3, 8, 9)]
    assert few == [n * HEADS for n in (1, 2, 4, 8, 16)]  # a step of long texts has few prompts


@pytest.mark.parametrize("change", ["in place", "loaded", "replaced"])
def test_scoring_sees_changed_weights(change: str) -> None:
    model, other = bert().eval(), bert().eval()
    ids, mask, slots = batch(7, 9)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        encode = SlotEncoder(model, "eager")
        before = encode(ids, mask, slots)
        for name, parameter in other.named_parameters():
            parameter.add_(0.1 * len(name) / 20)
        if change == "in place":
            for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
                mine.copy_(theirs)
        elif change == "loaded":
            model.load_state_dict(other.state_dict())
        else:
            for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
                mine.data = theirs.data.clone()
        assert torch.equal(encode(ids, mask, slots), SlotEncoder(other, "eager")(ids, mask, slots))
        assert not torch.equal(encode(ids, mask, slots), before)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_prompt_is_scored_alone_as_beside_longer_ones(kind: torch.dtype) -> None:
    """To the bit, in steps of lengths as batches have them."""
    encode, (ids, mask, slots) = SlotEncoder(bert().eval(), "eager"), batch(24, 52)
    with (
        torch.inference_mode(),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == torch.bfloat16),
    ):
        together = encode(ids, mask, slots)
        for row, length in enumerate(mask.sum(1).tolist()):
            of_row = slice(row, row + 1), slice(-(-length // 4) * 4)
            alone = encode(ids[of_row], mask[of_row], slots[of_row[0]])
            assert torch.equal(alone[0], together[row]), (row, length)


def test_a_fixed_encoder_scores_as_ever_and_looks_at_its_weights_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = bert().eval()
    encode, other = SlotEncoder(model, "eager"), SlotEncoder(model, "eager")
    encode.fix()
    for kind in (torch.float32, torch.bfloat16):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == torch.bfloat16):
            for shape in SHAPES:
                with torch.inference_mode():
                    assert torch.equal(encode(*batch(*shape)), other(*batch(*shape)))
    with torch.no_grad():
        encode(*batch(7, 9))
        for parameter in model.parameters():
            parameter.mul_(1.5)
    trained = encode(*batch(7, 9))  # with a gradient, of the weights as they are
    assert trained.requires_grad
    assert torch.equal(trained, other(*batch(7, 9)))
    monkeypatch.setattr(slot_encoder, "fits_fused_layer", lambda layer: pytest.fail("looked"))
    with torch.no_grad():
        assert not torch.equal(encode(*batch(7, 9)), trained)
