"""Every family against transformers' own forward: logits, normaliser and all gradients at the
slots, in fp32."""

from functools import cache
from typing import Any

import pytest
import torch
import toys
from torch import Tensor

from pet_mtl.model.backbone import Backbone
from pet_mtl.model.mlm_head import SplitHead, WholeHead, split_head
from pet_mtl.model.padding import read_by_length

SPLIT = list(toys.FAMILIES)
# one module after the encoder; several modules; a head that returns a tuple; a bias added behind
# the head
WHOLE = ["mpnet", "roformer", "convbert", "flaubert", "bart"]
VOCABULARY = 60
PIECES = torch.tensor([7, 59, 12])


def inputs(pad_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and slots of 3 rows of 16 tokens with padding, the last one a blank row."""
    ids = torch.randint(5, VOCABULARY, (4, 16), generator=torch.Generator().manual_seed(3))
    mask = torch.ones_like(ids)
    for row, length in ((1, 9), (2, 5), (3, 1)):
        ids[row, length:] = pad_id
        mask[row, length:] = 0
    ids[3] = pad_id
    return ids, mask, torch.tensor([[2, 3], [8, 8], [0, 4], [0, 0]])


@cache
def build(family: str) -> Any:
    if family == "bart":
        torch.manual_seed(0)
        sizes = {f"{half}_{name}": n for half in ("encoder", "decoder") for name, n in
                 (("layers", 2), ("attention_heads", 4), ("ffn_dim", 64))}  # fmt: skip
        from transformers import BartConfig, BartForConditionalGeneration

        config = BartConfig(
            vocab_size=VOCABULARY, d_model=32, max_position_embeddings=64, dropout=0.0, **sizes
        )
        config.forced_eos_token_id = None
        model = BartForConditionalGeneration(config).eval()
        model.final_logits_bias.copy_(torch.randn(1, VOCABULARY))
        return model
    return toys.build_mlm(family, VOCABULARY)


def full_logits(model: Any, ids: Tensor, mask: Tensor, slots: Tensor) -> Tensor:
    def read(ids: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = model(input_ids=ids, attention_mask=mask).logits
        return logits

    # ConvBERT's convolutions know no mask: its rows are read by length
    by_length = model.config.model_type == "convbert"
    full = read_by_length(read, ids, mask) if by_length else read(ids, mask)
    return full[torch.arange(len(ids))[:, None], slots]


@pytest.mark.parametrize(
    ("family", "attention"),
    [
        *((family, "eager") for family in (*SPLIT, *WHOLE)),
        *((family, "sdpa") for family in SPLIT[:6]),
    ],
)
def test_logits_normalizer_and_gradients_equal_the_full_model(family: str, attention: str) -> None:
    model = build(family)
    backbone = Backbone(model, attention)
    ids, mask, slots = inputs(model.config.pad_token_id)

    def run(logits: Tensor, normalizer: Tensor) -> dict[str, Tensor]:
        model.zero_grad(set_to_none=True)
        weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(5))
        ((logits * weights).sum() + normalizer.square().sum()).backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    full = full_logits(model, ids, mask, slots)
    wanted = run(full[..., PIECES], full.logsumexp(-1))
    states = backbone(ids, mask, slots)
    assert states.shape[:2] == slots.shape
    logits, normalizer = (
        backbone.head.piece_logits(states, PIECES),
        backbone.head.log_normalizer(states),
    )
    assert logits.dtype == normalizer.dtype == torch.float32
    torch.testing.assert_close(logits, full[..., PIECES], rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(normalizer, full.logsumexp(-1), rtol=1e-5, atol=2e-5)
    got = run(logits, normalizer)
    for name, gradient in wanted.items():
        if name not in got:
            assert not gradient.any(), name
            continue
        scale = float(gradient.abs().max())
        torch.testing.assert_close(
            got[name],
            gradient,
            rtol=1e-4,
            atol=1e-5 * max(1.0, scale),
            msg=lambda m, n=name: f"{n}: {m}",
        )
    assert set(got) <= set(wanted)


@pytest.mark.parametrize("family", SPLIT)
def test_known_families_are_split(family: str) -> None:
    assert isinstance(split_head(build(family)), SplitHead)


@pytest.mark.parametrize("family", WHOLE)
def test_unknown_families_are_not(family: str) -> None:
    model = build(family)
    assert split_head(model) is None
    assert isinstance(Backbone(model).head, WholeHead)


@pytest.mark.parametrize("family", SPLIT)
def test_the_tie_to_the_embeddings_is_kept(family: str) -> None:
    model = build(family)
    embeddings = model.get_input_embeddings().weight
    head = Backbone(model).head
    model.zero_grad(set_to_none=True)
    states = torch.randn(2, 1, embeddings.shape[1])
    head.piece_logits(states, PIECES).sum().backward()
    touched = embeddings.grad.abs().sum(1).nonzero().flatten().tolist()
    assert touched == sorted(PIECES.tolist())
    with torch.no_grad():
        before = head.piece_logits(states, PIECES)
        embeddings[PIECES] += 1.0
        after = head.piece_logits(states, PIECES)
        embeddings[PIECES] -= 1.0
    torch.testing.assert_close(
        after - before, states.sum(-1, keepdim=True).expand_as(before), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_an_untied_decoder_is_used_as_it_is(family: str) -> None:
    model = toys.build_mlm(family, VOCABULARY, untied=True)
    ids, mask, slots = inputs(model.config.pad_token_id)
    backbone = Backbone(model)
    with torch.no_grad():
        logits = backbone.head.piece_logits(backbone(ids, mask, slots), PIECES)
        torch.testing.assert_close(
            logits, full_logits(model, ids, mask, slots)[..., PIECES], rtol=1e-5, atol=2e-5
        )


@pytest.mark.parametrize("family", ["albert", "fnet", "roformer", "flaubert"])
def test_a_configuration_may_ask_for_tuples(family: str) -> None:
    model = toys.build_mlm(family, VOCABULARY)
    ids, mask, slots = (rows[:2] for rows in inputs(model.config.pad_token_id))
    with torch.no_grad():
        wanted = Backbone(model)(ids, mask, slots)
        model.config.return_dict = False
        assert torch.equal(Backbone(model)(ids, mask, slots), wanted)


def test_piece_logits_stay_in_full_precision_under_autocast() -> None:
    head = split_head(build("bert"))
    assert head is not None
    states = torch.randn(3, 2, 32)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mixed = head.piece_logits(states, PIECES)
    with torch.no_grad():
        assert torch.equal(mixed, head.piece_logits(states, PIECES))
