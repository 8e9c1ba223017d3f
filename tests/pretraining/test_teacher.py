"""What a teacher gives, against the slow formula over transformers' own forward."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import toys
from test_mlm_model import make_batch
from torch import Tensor

from pet_mtl.model.backbone import Backbone
from pet_mtl.pretraining.mlm_model import MlmBatch
from pet_mtl.pretraining.teacher import Lesson, TaughtModel

PARTS = ("queries", "keys", "values")


def two(family: str, **config: Any) -> tuple[Any, Any]:
    """Return a model of 2 layers × 32 and a teacher of 3 × 48, or as `config` says."""
    mlm = toys.build_mlm(family)
    size = toys.SIZE
    try:
        toys.SIZE = size | {"num_hidden_layers": 3, "hidden_size": 48} | config
        teacher = toys.build_mlm(family)
    finally:
        toys.SIZE = size
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.mul_(0.9).add_(0.01)
    return mlm, teacher.requires_grad_(False)


def lesson(**changes: Any) -> Lesson:
    given: dict[str, Any] = {
        "mlm": 0.5,
        "weights": {"logits": 2.0, "relations": 3.0},
        "pairs": {"relations": ((0, 1), (1, 2))},
        "parts": PARTS,
        "heads": 4,
        "temperature": 2.0,
    }
    return Lesson(**(given | changes))


def slow_kl(taught: Tensor, own: Tensor) -> float:
    total = 0.0
    for p, q in zip(taught.softmax(-1).tolist(), own.softmax(-1).tolist(), strict=True):
        total += p * (math.log(p) - math.log(q)) if p else 0.0
    return total


def slow_relations(
    mlm: Any, teacher: Any, batch: MlmBatch, pairs: Any, parts: Any, heads: int
) -> float:
    """Return the sum over tokens, row by row and head by head, over real tokens alone."""
    inside = {"queries": "query", "keys": "key", "values": "value"}
    total = 0.0
    for row in range(batch.rows):
        length = int(batch.attention_mask[row].sum())
        ids = batch.input_ids[row : row + 1, :length]
        states = [
            model.base_model(input_ids=ids, output_hidden_states=True).hidden_states
            for model in (mlm, teacher)
        ]
        for pair in pairs:
            for part in parts:
                scores = []
                for model, layer, of_model in zip((mlm, teacher), pair, states, strict=True):
                    own = model.base_model.encoder.layer[layer].attention.self
                    vectors = getattr(own, inside[part])(of_model[layer])[0]
                    each = []
                    for cut in vectors.chunk(heads, -1):
                        each.append(cut @ cut.T / math.sqrt(cut.shape[-1]))
                    scores.append(each)
                for head in range(heads):
                    for token in range(length):
                        total += slow_kl(scores[1][head][token], scores[0][head][token]) / heads
    return total / len(pairs)


def slow_logits(mlm: Any, teacher: Any, batch: MlmBatch, temperature: float) -> float:
    own, its = (
        model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits / temperature
        for model in (mlm, teacher)
    )
    at = batch.slots.flatten()[batch.at]
    row = batch.at // batch.slots.shape[1]
    return sum(
        temperature**2 * slow_kl(its[row[i], at[i]], own[row[i], at[i]])
        for i in range(batch.masked)
    )


@pytest.mark.parametrize("family", ["bert", "roberta", "electra"])
def test_logits_and_relations_against_the_slow_formula(family: str) -> None:
    mlm, teacher = two(family)
    batch, ids, chosen = make_batch(special=6 if family == "roberta" else 5)
    wanted = lesson()
    model = TaughtModel(Backbone(mlm), Backbone(teacher), wanted).eval()
    loss, right, logits, relations = (value.detach() for value in model(batch))
    plain = mlm(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
    targets = torch.from_numpy(np.where(chosen, ids, -100))
    expected = F.cross_entropy(plain.flatten(0, 1), targets.flatten(), reduction="sum")
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-4, atol=1e-4)
    assert right == (plain.argmax(-1) == targets).sum()
    assert float(logits) == pytest.approx(slow_logits(mlm, teacher, batch, 2.0), rel=1e-4)
    slow = slow_relations(mlm, teacher, batch, wanted.pairs["relations"], PARTS, 4)
    assert float(relations) == pytest.approx(slow, rel=1e-4)
    total = wanted.total(loss, (logits, relations), batch.masked, batch.tokens)
    by_hand = 0.5 * loss / batch.masked + 2 * logits / batch.masked + 3 * relations / batch.tokens
    torch.testing.assert_close(total, by_hand)
    means = wanted.means([float(logits), float(relations)], batch.masked, batch.tokens)
    assert means["loss"] == pytest.approx(float(by_hand) - 0.5 * float(loss) / batch.masked)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("pairs", [((0, 0), (1, 2)), ((0, 1),), ((1, 2),)])
def test_states_against_the_slow_formula(pairs: Any, attention: str) -> None:
    mlm, teacher = two("bert", hidden_size=32)
    batch, *_ = make_batch()
    wanted = lesson(weights={"states": 1.0}, pairs={"states": pairs})
    model = TaughtModel(Backbone(mlm, attention), Backbone(teacher, attention), wanted).eval()
    loss, _, states = model(batch)
    own, its = (
        model(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            output_hidden_states=True,
        ).hidden_states
        for model in (mlm, teacher)
    )
    real = batch.attention_mask.bool() & (torch.arange(len(batch.input_ids)) < 11)[:, None]
    slow = sum(
        (own[mine + 1][real] - its[other + 1][real]).square().mean(-1).sum()
        for mine, other in pairs
    ) / len(pairs)
    torch.testing.assert_close(states, slow, rtol=1e-4, atol=1e-4)
    weight = mlm.base_model.encoder.layer[0].output.dense.weight
    of_slow, of_ours = (
        torch.autograd.grad(x, weight, retain_graph=True)[0] for x in (slow, states)
    )
    torch.testing.assert_close(of_ours, of_slow, rtol=1e-3, atol=1e-4)
    alone = TaughtModel(Backbone(mlm), Backbone(teacher), lesson(weights={}, pairs={})).eval()
    torch.testing.assert_close(alone(batch)[0], loss, rtol=1e-4, atol=1e-4)


def test_gradients_of_the_terms_by_differences() -> None:
    mlm, teacher = two("bert")
    batch, *_ = make_batch()
    model = TaughtModel(Backbone(mlm), Backbone(teacher), lesson()).eval()
    weight = mlm.base_model.encoder.layer[0].attention.self.value.weight
    for number in (2, 3):
        grad = torch.autograd.grad(model(batch)[number], weight)[0]
        way = grad / grad.norm()
        with torch.no_grad():
            weight += 0.01 * way
            above = float(model(batch)[number].detach())
            weight -= 0.02 * way
            below = float(model(batch)[number].detach())
            weight += 0.01 * way
        assert (above - below) / 0.02 == pytest.approx(float(grad.norm()), rel=0.02)


def test_a_model_that_is_its_teacher_has_nothing_to_learn() -> None:
    mlm, _ = two("bert")
    batch, *_ = make_batch()
    pairs = ((0, 0), (1, 1))
    wanted = lesson(
        weights={"logits": 1.0, "relations": 1.0, "states": 1.0},
        pairs={"relations": pairs, "states": pairs},
    )
    model = TaughtModel(Backbone(mlm), Backbone(mlm), wanted).eval()
    for term in model(batch)[2:]:
        assert float(term.detach()) == pytest.approx(0.0, abs=1e-3)


def test_rows_that_count_nothing_teach_nothing() -> None:
    mlm, teacher = two("bert")
    batch, *_ = make_batch()
    model = TaughtModel(Backbone(mlm), Backbone(teacher), lesson()).eval()
    blank = batch.without_targets()
    assert [float(value.detach()) for value in model(blank)] == [0.0] * 4
    names = [name for name, _ in model.named_parameters()]
    assert names == [f"backbone.{name}" for name, _ in Backbone(mlm).named_parameters()]
