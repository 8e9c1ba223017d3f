"""BERT-like encoders run for cloze work: the last layer computes queries and feed-forward only at
the slots.

Nothing reads the last layer's output anywhere else, and keys and values of the other tokens come
from the layer before, so the result at the slots is the same; a sixth or more of the work is gone
for a small backbone. Linear layers run over `[N * L, H]`, queries, keys and values in one product.
Checked against transformers' own forward in the tests.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.model.amendments import NONE, Amendments, amended, run
from pet_mtl.model.attention_frame import SLOT_STEP, TOKEN_STEP, Frame, pad_rows, pad_to
from pet_mtl.model.fused_layer import (
    Ready,
    fits_fused_layer,
    forget_casts,
    fused_layer,
    ready,
)
from pet_mtl.model.row_dropout import RowNoise

BERT_LIKE = frozenset({"bert", "ernie", "roberta", "xlm-roberta", "camembert", "electra"})


class SlotEncoder:
    """Read a BERT-like encoder (not a copy: the model keeps its parameters) at given positions.

    Args:
        encoder: the model's `base_model`, of a family in `BERT_LIKE`.
        attention: `eager` or `sdpa`.
    """

    def __init__(self, encoder: Any, attention: str) -> None:
        self.encoder = encoder
        self.attention = attention
        self._compiled: Callable[..., Tensor] | None = None
        self._fixed: dict[torch.dtype, list[Ready]] | None = None
        first = encoder.encoder.layer[0].attention.self
        self.heads: int = first.num_attention_heads
        self.head_size: int = first.attention_head_size

    def __call__(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        slots: Tensor,
        segments: Tensor | None = None,
        amendments: Amendments = NONE,
        read: dict[int, Tensor] | None = None,
    ) -> Tensor:
        """Return the last layer's output at the slots.

        Args:
            input_ids: `[N, L]`.
            attention_mask: `[N, L]`, 1 for tokens and 0 for padding.
            slots: `[N, M]` positions.
            segments: `[N, L]` token types; None: all 0.
            amendments: of the word embeddings and of norms.
            read: its values become what the layers named by its keys read, `[N, L, H]` each.

        Returns:
            `[N, M, H]`.
        """
        count, length = input_ids.shape
        noise = self._noise(input_ids, attention_mask)
        hidden = self._embed(input_ids, segments, amendments, noise)
        layers, wide = self.encoder.encoder.layer, slots.shape[1]
        at = slots.flatten()
        if count > 1:
            firsts = torch.arange(0, count * length, length, device=slots.device)
            at = (firsts[:, None] + slots).flatten()
        kind, training = hidden.dtype, self.encoder.training
        compiled = self._compiled if training else None
        run_layer = compiled or self._layer
        hidden = hidden.reshape(count * length, -1)
        # a copy: torch compiles one graph more for a view, which the first layer alone would get
        hidden = hidden.clone() if compiled else pad_rows(hidden, TOKEN_STEP, training=training)
        if torch.is_grad_enabled():
            forget_casts(layers)
        norms = (
            part.LayerNorm for layer in layers for part in (layer.attention.output, layer.output)
        )
        plain = not compiled and (not amendments or amendments.keys().isdisjoint(norms))
        fused = self._fused(kind) if self.attention != "sdpa" and plain else None

        def note(number: int, states: Tensor) -> None:
            if read is not None and number in read:
                read[number] = states[: count * length].view(count, length, -1)

        if fused:
            frame = Frame.of(attention_mask, self.heads, kind)
            for number, layer in enumerate(fused[:-1]):
                note(number, hidden)
                hidden = fused_layer(layer, None, hidden, frame, length)
            note(len(layers) - 1, hidden)
            asking = pad_rows(hidden[at], SLOT_STEP, training=training)
            queries = fused_layer(fused[-1], asking, hidden, frame, wide)
        else:
            bias = self._bias(attention_mask, kind, noise)
            for number, layer in enumerate(layers[:-1]):
                note(number, hidden)
                now = noise and noise.at(number)
                hidden = run_layer(layer, hidden, hidden, bias, length, amendments, now)
            note(len(layers) - 1, hidden)
            now = noise and noise.at(len(layers) - 1)
            asking = pad_rows(hidden[at], SLOT_STEP, training=training)
            queries = self._layer(layers[-1], asking, hidden, bias, wide, amendments, now)
        return queries[: slots.numel()].view(count, wide, -1)

    def fix(self) -> None:
        """Score with the weights as they are at the next call, for ever: with one row, to look each
        time whether one of them has changed takes an eighth of a layer's time."""
        self._fixed = {}

    def _fused(self, kind: torch.dtype) -> Sequence[Any]:
        """Return the layers for `fused_layer`; none where it does not compute what they do."""
        layers: Sequence[Any] = self.encoder.encoder.layer
        fixed = None if torch.is_grad_enabled() else self._fixed
        if fixed is not None and kind in fixed:
            return fixed[kind]
        if not all(map(fits_fused_layer, layers)):
            return ()
        if fixed is None:
            return layers
        last = len(layers) - 1
        fixed[kind] = [ready(layer, kind, apart=n == last) for n, layer in enumerate(layers)]
        return fixed[kind]

    def _noise(self, input_ids: Tensor, attention_mask: Tensor) -> RowNoise | None:
        """Return the noise of a batch; None where nothing is dropped."""
        parts = self.encoder.modules() if self.encoder.training else ()
        dropped = any(isinstance(part, nn.Dropout) and part.p for part in parts)
        return RowNoise.of(input_ids, attention_mask) if dropped else None

    def _embed(
        self,
        input_ids: Tensor,
        segments: Tensor | None,
        amendments: Amendments,
        noise: RowNoise | None,
    ) -> Tensor:
        """Return `[N, L, H]`."""
        if noise is not None:
            last, of_embeddings = self.encoder.embeddings.dropout, noise.at(-1)

            def drop(states: Tensor, _: Tensor) -> Tensor:
                flat = of_embeddings.states(states.flatten(0, 1), last.p, states.shape[1])
                return flat.view_as(states)

            amendments = {**amendments, last: drop}
        embeddings = amended(self.encoder.embeddings, amendments)
        hidden: Tensor = embeddings(input_ids=input_ids, token_type_ids=segments)
        if hasattr(self.encoder, "embeddings_project"):  # ELECTRA generators: narrow embeddings
            hidden = self.encoder.embeddings_project(hidden)
        device = input_ids.device.type
        if torch.is_autocast_enabled(device):
            hidden = hidden.to(torch.get_autocast_dtype(device))
        return hidden

    def _bias(self, attention_mask: Tensor, kind: torch.dtype, noise: RowNoise | None) -> Tensor:
        """Return what is added to attention scores: `[N, L]` with sdpa, else `[N * heads, 1, L]`.

        sdpa's kernels draw masks of their own, so with dropout the scores are written out.
        """
        bias = torch.zeros(attention_mask.shape, dtype=kind, device=attention_mask.device)
        bias = bias.masked_fill(attention_mask == 0, torch.finfo(kind).min)
        if self.attention == "sdpa" and noise is None:
            return bias
        return bias.repeat_interleave(self.heads, 0)[:, None, :]

    def start(
        self, input_ids: Tensor, attention_mask: Tensor, segments: Tensor | None = None
    ) -> "EncoderRun":
        """Return a run that goes through the layers as its user says; see `__call__`."""
        noise = self._noise(input_ids, attention_mask)
        hidden = self._embed(input_ids, segments, NONE, noise)
        return EncoderRun(self, hidden.flatten(0, 1), attention_mask, noise)

    def compile(self, backend: str = "inductor") -> None:
        """While training, run all layers but the last, whose few queries would be a graph more, as
        one compiled graph, which serves all of them and all shapes; what is scored meanwhile is
        scored as ever."""
        self._compiled = torch.compile(self._layer, dynamic=True, backend=backend)

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.encoder.encoder.layer)

    def _layer(
        self,
        layer: Any,
        queries: Tensor,
        hidden: Tensor,
        bias: Tensor,
        wide: int,
        amendments: Amendments,
        noise: RowNoise | None,
    ) -> Tensor:
        """Run one layer for `queries` `[≥ N * wide, H]`, which attend to `hidden` `[≥ N * L,
        H]`."""
        own, length, fused = layer.attention.self, bias.shape[-1], bias.dim() == 2
        count = bias.numel() // length // (1 if fused else self.heads)
        if queries is hidden:
            q, k, v = self._project(hidden, count, length, own.query, own.key, own.value)
        else:
            (q,) = self._project(queries, count, wide, own.query)
            k, v = self._project(hidden, count, length, own.key, own.value)
        if fused:
            # the fused kernels want four dimensions; with three, every score is written out
            q, k, v = (part.view(count, self.heads, -1, self.head_size) for part in (q, k, v))
            mask = bias[:, None, None, :].expand(-1, self.heads, wide, -1)
            context = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            scores = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=self.head_size**-0.5)
            weights = F.softmax(scores, dim=-1)
            if noise is not None and own.dropout.p:
                weights = noise.at(0).weights(weights, own.dropout.p)
            context = torch.bmm(weights, v)
        context = (
            context.view(count, self.heads, wide, -1).transpose(1, 2).reshape(count * wide, -1)
        )
        queries = self._added(
            layer.attention.output,
            pad_to(context, len(queries)),
            queries,
            wide,
            amendments,
            noise and noise.at(1),
        )
        inner = layer.intermediate.intermediate_act_fn(layer.intermediate.dense(queries))
        return self._added(layer.output, inner, queries, wide, amendments, noise and noise.at(2))

    @staticmethod
    def _added(
        part: Any,
        inner: Tensor,
        states: Tensor,
        wide: int,
        amendments: Amendments,
        noise: RowNoise | None,
    ) -> Tensor:
        """Return the states `[≥ N * wide, H]` behind a half of a layer, that ends in `part`."""
        new = part.dense(inner)
        if noise is not None and part.dropout.p:
            new = noise.states(new, part.dropout.p, wide)
        return run(part.LayerNorm, new + states, amendments)

    def _project(
        self, hidden: Tensor, count: int, length: int, *projections: nn.Linear
    ) -> tuple[Tensor, ...]:
        """Return `hidden` under each projection as `[N * heads, length, head_size]`, in one matrix
        product."""
        if len(projections) == 1:
            joint = projections[0](hidden)
        else:
            weight = torch.cat([projection.weight for projection in projections])
            joint = F.linear(
                hidden, weight, torch.cat([projection.bias for projection in projections])
            )
        joint = joint[: count * length].view(
            count, length, len(projections), self.heads, self.head_size
        )
        parts: tuple[Tensor, ...] = (
            joint.permute(2, 0, 3, 1, 4)
            .reshape(len(projections), -1, length, self.head_size)
            .unbind(0)
        )
        return parts


class EncoderRun:
    """The states of a batch on their way through the layers.

    Attributes:
        states: `[N * L, H]`; may be replaced between two layers.
    """

    def __init__(
        self,
        encoder: SlotEncoder,
        states: Tensor,
        attention_mask: Tensor,
        noise: RowNoise | None,
    ) -> None:
        self.states = states
        self._encoder, self._mask, self._noise = encoder, attention_mask, noise

    def through(self, done: int, until: int) -> Tensor:
        """Go on from behind layer `done` to behind layer `until`; return the states `[N, L, H]`."""
        length = self._mask.shape[1]
        bias = self._encoder._bias(self._mask, self.states.dtype, self._noise)
        layers = self._encoder.encoder.encoder.layer
        for number in range(done, until):
            noise = self._noise and self._noise.at(number)
            self.states = self._encoder._layer(
                layers[number], self.states, self.states, bias, length, NONE, noise
            )
        return self.states.view(len(self._mask), length, -1)

    def only(self, rows: Tensor) -> "EncoderRun":
        """Return a run of some rows."""
        count, length = self._mask.shape
        states = self.states.view(count, length, -1)[rows].flatten(0, 1)
        noise = self._noise and self._noise.only(rows)
        return EncoderRun(self._encoder, states, self._mask[rows], noise)


def slot_encoders(model: nn.Module) -> list[SlotEncoder]:
    """Return the encoders of a model that are run by their slots."""
    return [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, SlotEncoder)
    ]


def fits_slot_encoder(model: Any) -> bool:
    """Return whether `SlotEncoder` computes what this masked language model computes."""
    config = model.config
    return (
        config.model_type in BERT_LIKE
        and not getattr(config, "is_decoder", False)
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
    )
