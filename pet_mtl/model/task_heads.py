"""Features and decoders: token states to what stands for a row, and that to label scores."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from pet_mtl.model.row_dropout import RowNoise
from pet_mtl.suite.method import FeatureName

Decoding = Literal["linear", "mlp", "lstm"]


class Features(nn.Module):
    """Token states to one vector a row.

    Args:
        kind: `cls` the first token, `pooled` the first token under a dense layer and tanh (as
            BERT's pooler, Devlin et al. 2019), `mean` and `max` over the tokens, `attention` their
            mean by learned weights (a softmax of one query's products; Lin et al. 2017 with one
            hop).
        size: `H`.
    """

    def __init__(self, kind: FeatureName, size: int) -> None:
        super().__init__()
        self.kind = kind
        self.first_only: bool = kind in ("cls", "pooled")
        if kind == "pooled":
            self.dense = nn.Linear(size, size)
        elif kind == "attention":
            self.query = nn.Linear(size, 1, bias=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return `[N, H]`.

        Args:
            tokens: `[N, L, H]`; the first token is enough where `first_only` says so.
            mask: `[N, L]`, 1 for tokens and 0 for padding.
        """
        if self.kind == "cls":
            return tokens[:, 0]
        if self.kind == "pooled":
            return torch.tanh(self.dense(tokens[:, 0]))
        real = (mask != 0)[..., None]  # [N, L, 1]
        if self.kind == "max":
            return tokens.masked_fill(~real, float("-inf")).amax(1)
        weights = (
            self.query(tokens) if self.kind == "attention" else torch.zeros_like(tokens[..., :1])
        )
        return (weights.masked_fill(~real, float("-inf")).softmax(1) * tokens).sum(1)


class LayerFeatures(nn.Module):
    """The first token's states in several layers, mixed: γ Σ softmax(w)_j h_j (ELMo, Peters et al.
    2018).

    Args:
        layers: indices into the states of the embeddings and all layers.
    """

    def __init__(self, layers: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = layers
        self.weights = nn.Parameter(torch.zeros(len(layers)))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, states: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        """Return `[N, H]` from the states `[N, L, H]` of each layer; the mask is not needed."""
        # [N, H, layers]
        chosen = torch.stack([states[layer][:, 0].float() for layer in self.layers], -1)
        return self.scale * (chosen @ self.weights.softmax(0))


class TapFeatures(nn.Module):
    """Features of several layers, each by a `Features` of its own.

    Args:
        kind: see `Features`.
        layers: indices into the states of the embeddings and all layers.
        size: `H`.
    """

    def __init__(self, kind: FeatureName, layers: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.layers = layers
        self.of_layer = nn.ModuleList(Features(kind, size) for _ in layers)

    def forward(self, states: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        """Return `[N, layers, H]` from the states `[N, L, H]` of each layer and their mask `[N,
        L]`."""
        pairs = zip(self.layers, self.of_layer, strict=True)
        return torch.stack([of_layer(states[n].float(), mask) for n, of_layer in pairs], 1)


class Decoder(nn.Module):
    """Features to the label scores of one task.

    Args:
        kind: `linear`; `mlp` with one hidden layer (GELU); `lstm`, a bidirectional LSTM over the
            token states whose last states stand beside the features.
        inputs: size of the features.
        tokens: size of the token states, `H`.
        labels: `K`.
        width: hidden units of `mlp`, and of `lstm` in each direction.
        dropout: rate before each matrix.
    """

    def __init__(
        self, kind: Decoding, inputs: int, tokens: int, labels: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.rate = dropout
        if kind == "mlp":
            self.hidden = nn.Linear(inputs, width)
        elif kind == "lstm":
            self.lstm = nn.LSTM(tokens, width, batch_first=True, bidirectional=True)
        self.kind = kind
        self.output = nn.Linear(
            {"linear": inputs, "mlp": width, "lstm": inputs + 2 * width}[kind], labels
        )

    def forward(
        self, features: Tensor, tokens: Tensor | None, mask: Tensor, noise: RowNoise | None = None
    ) -> Tensor:
        """Return `[b, K]` from features `[b, F]`, token states `[b, L, H]` (`lstm` only) and their
        mask `[b, L]`.

        Args:
            noise: of the rows, for dropout; None: nothing is dropped.
        """
        if self.kind == "mlp":
            features = nn.functional.gelu(self.hidden(self._dropped(features, noise, 0)))
        elif self.kind == "lstm":
            assert tokens is not None
            # the backward direction starts at a row's last token, not at its padding
            lengths = mask.sum(1).cpu()
            packed = pack_padded_sequence(
                self._dropped(tokens, noise, 1), lengths, batch_first=True, enforce_sorted=False
            )
            _, (last, _) = self.lstm(packed)  # [2, b, width]
            features = torch.cat([features, last[0], last[1]], -1)
        scores: Tensor = self.output(self._dropped(features, noise, 2))
        return scores

    def _dropped(self, states: Tensor, noise: RowNoise | None, place: int) -> Tensor:
        """Return states `[b, F]` or `[b, L, H]` after dropout."""
        if noise is None or not (self.training and self.rate):
            return states
        flat = states.flatten(0, -2)
        wide = len(flat) // len(noise.keys)
        return noise.at(place).states(flat, self.rate, wide).view_as(states)
