"""Features and decoders against loops over rows and tokens."""

import pytest
import torch
from torch import Tensor

from pet_mtl.model.row_dropout import RowNoise
from pet_mtl.model.task_heads import Decoder, Features, LayerFeatures

LENGTHS = [7, 4, 1, 6]
MASK = torch.tensor([[1] * n + [0] * (8 - n) for n in LENGTHS])


def tokens(seed: int = 0) -> Tensor:
    return torch.randn(4, 8, 6, generator=torch.Generator().manual_seed(seed))


def slow(features: Features, row: Tensor) -> Tensor:
    """Return the features of one row `[L, H]` without padding."""
    if features.kind == "cls":
        return row[0]
    if features.kind == "pooled":
        return torch.tanh(features.dense.weight @ row[0] + features.dense.bias)
    if features.kind == "mean":
        return sum(row) / len(row)
    if features.kind == "max":
        return torch.stack([max(column) for column in row.T])
    weights = [torch.exp(features.query.weight[0] @ state) for state in row]
    return sum(weight * state for weight, state in zip(weights, row, strict=True)) / sum(weights)


@pytest.mark.parametrize("kind", ["cls", "pooled", "mean", "max", "attention"])
def test_features(kind: str) -> None:
    torch.manual_seed(1)
    features, states = Features(kind, 6), tokens()
    got = features(states, MASK)
    wanted = torch.stack([slow(features, row[:n]) for row, n in zip(states, LENGTHS, strict=True)])
    torch.testing.assert_close(got, wanted)
    assert torch.equal(features(states.masked_fill(MASK[..., None] == 0, 99.0), MASK), got)
    if features.first_only:
        assert torch.equal(features(states[:, :1], MASK), got)


@pytest.mark.parametrize("kind", ["mean", "max", "attention"])
def test_padding_passes_no_gradient_and_no_nan(kind: str) -> None:
    states = tokens().requires_grad_()
    Features(kind, 6)(states, MASK).square().sum().backward()
    assert states.grad is not None
    assert states.grad.isfinite().all()
    assert not states.grad[MASK == 0].any()


def test_layers_are_mixed_by_a_softmax_and_a_scale() -> None:
    states = tuple(tokens(seed) for seed in range(4))
    features = LayerFeatures((0, -1, 2))
    torch.testing.assert_close(
        features(states, MASK), (states[0] + states[3] + states[2])[:, 0] / 3
    )
    with torch.no_grad():
        features.weights.copy_(torch.tensor([0.5, -1.0, 2.0]))
        features.scale.fill_(1.7)
    shares = [2.718281828**weight for weight in (0.5, -1.0, 2.0)]
    mixed = sum(
        share * states[layer] for share, layer in zip(shares, (0, 3, 2), strict=True)
    ) / sum(shares)
    torch.testing.assert_close(features(states, MASK), 1.7 * mixed[:, 0])


@pytest.mark.parametrize("kind", ["linear", "mlp", "lstm"])
def test_decoders(kind: str) -> None:
    torch.manual_seed(2)
    decoder = Decoder(kind, inputs=5, tokens=6, labels=3, width=4, dropout=0.5).eval()
    features, states = torch.randn(4, 5), tokens()
    got = decoder(features, states, MASK)
    wanted = []
    for row, count, feature in zip(states, LENGTHS, features, strict=True):
        if kind == "mlp":
            feature = torch.nn.functional.gelu(
                decoder.hidden.weight @ feature + decoder.hidden.bias
            )
        elif kind == "lstm":
            outputs, _ = decoder.lstm(
                row[None, :count]
            )  # alone, so that nothing is packed or padded
            feature = torch.cat([feature, outputs[0, -1, :4], outputs[0, 0, 4:]])
        wanted.append(decoder.output.weight @ feature + decoder.output.bias)
    torch.testing.assert_close(got, torch.stack(wanted))
    assert got.shape == (4, 3)
    noise = RowNoise(torch.arange(4))
    assert torch.equal(decoder(features, states, MASK, noise), got)
    dropped = decoder.train()(features, states, MASK, noise)
    assert not torch.allclose(dropped, got, atol=1e-2)
    of_one = decoder(features[2:3], states[2:3, :1], MASK[2:3, :1], noise.only(torch.tensor([2])))
    torch.testing.assert_close(of_one, dropped[2:3])  # the same alone, and without its padding
