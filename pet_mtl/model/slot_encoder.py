"""BERT-like encoders run for cloze work: the last layer computes queries and feed-forward only at
the slots.

Nothing reads the last layer's output anywhere else, and keys and values of the other tokens come
from the layer before, so the result at the slots is the same; a sixth or more of the work is gone
for a small backbone. Linear layers run over `[N * L, H]`, queries, keys and values in one product.
Checked against transformers' own forward in the tests.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.model.amendments import NONE, Amendments, amended, run
from pet_mtl.model.attention_frame import Frame
from pet_mtl.model.fused_layer import fits_fused_layer, forget_casts, fused_layer

# Every new shape costs the CPU kernels a new plan, in time and memory: all batches of one token
# budget get the same number of rows, whatever their length. One short row in such a step would cost
# as much as eight, so few rows have smaller ones while scoring: at most six shapes more.
_TOKEN_STEP = 256
SLOT_STEP = 128
_FEW = ((64, 16), (256, 64))  # up to so many rows, a step of so many

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
        hidden = self._embed(input_ids, segments, amendments)
        layers, wide = self.encoder.encoder.layer, slots.shape[1]
        at = (torch.arange(count, device=slots.device)[:, None] * length + slots).flatten()
        kind, training = hidden.dtype, self.encoder.training
        hidden = pad_rows(hidden.reshape(count * length, -1), _TOKEN_STEP, training=training)
        if torch.is_grad_enabled():
            forget_casts(layers)
        norms = (
            part.LayerNorm for layer in layers for part in (layer.attention.output, layer.output)
        )
        plain = amendments.keys().isdisjoint(norms)
        fused = self.attention != "sdpa" and plain and all(map(fits_fused_layer, layers))

        def note(number: int, states: Tensor) -> None:
            if read is not None and number in read:
                read[number] = states[: count * length].view(count, length, -1)

        if fused:
            frame = Frame.of(attention_mask, self.heads, kind, training=training)
            for number, layer in enumerate(layers[:-1]):
                note(number, hidden)
                hidden = fused_layer(layer, None, hidden, frame, length)
            note(len(layers) - 1, hidden)
            asking = pad_rows(hidden[at], SLOT_STEP, training=training)
            queries = fused_layer(layers[-1], asking, hidden, frame, wide)
        else:
            bias = self._bias(attention_mask, kind)
            for number, layer in enumerate(layers[:-1]):
                note(number, hidden)
                hidden = self._layer(layer, hidden, hidden, bias, length, amendments)
            note(len(layers) - 1, hidden)
            asking = pad_rows(hidden[at], SLOT_STEP, training=training)
            queries = self._layer(layers[-1], asking, hidden, bias, wide, amendments)
        return queries[: slots.numel()].view(count, wide, -1)

    def _embed(self, input_ids: Tensor, segments: Tensor | None, amendments: Amendments) -> Tensor:
        """Return `[N, L, H]`."""
        embeddings = amended(self.encoder.embeddings, amendments)
        hidden: Tensor = embeddings(input_ids=input_ids, token_type_ids=segments)
        if hasattr(self.encoder, "embeddings_project"):  # ELECTRA generators: narrow embeddings
            hidden = self.encoder.embeddings_project(hidden)
        device = input_ids.device.type
        if torch.is_autocast_enabled(device):
            hidden = hidden.to(torch.get_autocast_dtype(device))
        return hidden

    def _bias(self, attention_mask: Tensor, kind: torch.dtype) -> Tensor:
        """Return what is added to attention scores: `[N, L]` with sdpa, else `[N * heads, 1,
        L]`."""
        bias = torch.zeros(attention_mask.shape, dtype=kind, device=attention_mask.device)
        bias = bias.masked_fill(attention_mask == 0, torch.finfo(kind).min)
        return (
            bias if self.attention == "sdpa" else bias.repeat_interleave(self.heads, 0)[:, None, :]
        )

    def start(
        self, input_ids: Tensor, attention_mask: Tensor, segments: Tensor | None = None
    ) -> "EncoderRun":
        """Return a run that goes through the layers as its user says; see `__call__`."""
        hidden = self._embed(input_ids, segments, NONE)
        return EncoderRun(self, hidden.flatten(0, 1), attention_mask)

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
    ) -> Tensor:
        """Run one layer for `queries` `[≥ N * wide, H]`, which attend to `hidden` `[≥ N * L,
        H]`."""
        own, length = layer.attention.self, bias.shape[-1]
        count = bias.numel() // length // (1 if self.attention == "sdpa" else self.heads)
        if queries is hidden:
            q, k, v = self._project(hidden, count, length, own.query, own.key, own.value)
        else:
            (q,) = self._project(queries, count, wide, own.query)
            k, v = self._project(hidden, count, length, own.key, own.value)
        dropout = own.dropout.p if own.training else 0.0
        if self.attention == "sdpa":
            # the fused kernels want four dimensions; with three, every score is written out
            q, k, v = (part.view(count, self.heads, -1, self.head_size) for part in (q, k, v))
            mask = bias[:, None, None, :].expand(-1, self.heads, wide, -1)
            context = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        else:
            scores = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=self.head_size**-0.5)
            context = torch.bmm(
                F.dropout(F.softmax(scores, dim=-1), dropout, training=dropout > 0), v
            )
        context = (
            context.view(count, self.heads, wide, -1).transpose(1, 2).reshape(count * wide, -1)
        )
        out: Any = layer.attention.output
        queries = run(
            out.LayerNorm,
            out.dropout(out.dense(pad_to(context, len(queries)))) + queries,
            amendments,
        )
        out = layer.output
        inner = layer.intermediate.intermediate_act_fn(layer.intermediate.dense(queries))
        return run(out.LayerNorm, out.dropout(out.dense(inner)) + queries, amendments)

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

    def __init__(self, encoder: SlotEncoder, states: Tensor, attention_mask: Tensor) -> None:
        self.states = states
        self._encoder, self._mask = encoder, attention_mask

    def through(self, done: int, until: int) -> Tensor:
        """Go on from behind layer `done` to behind layer `until`; return the states `[N, L, H]`."""
        length = self._mask.shape[1]
        bias = self._encoder._bias(self._mask, self.states.dtype)
        for layer in self._encoder.encoder.encoder.layer[done:until]:
            self.states = self._encoder._layer(layer, self.states, self.states, bias, length, NONE)
        return self.states.view(len(self._mask), length, -1)

    def only(self, rows: Tensor) -> "EncoderRun":
        """Return a run of some rows."""
        count, length = self._mask.shape
        states = self.states.view(count, length, -1)[rows].flatten(0, 1)
        return EncoderRun(self._encoder, states, self._mask[rows])


def step_for(rows: int, most: int) -> int:
    """Return the step for a number of rows.

    Args:
        most: the step of many rows.

    >>> [rows + -rows % step_for(rows, 256) for rows in (1, 16, 17, 65, 200, 257)]
    [16, 16, 32, 128, 256, 512]
    """
    return next((min(step, most) for until, step in _FEW if rows <= until), most)


def pad_rows(rows: Tensor, most: int, *, training: bool) -> Tensor:
    """Add zero rows `[n, H]` up to the next multiple of the step.

    Args:
        most: the step of many rows, and of all while training: random numbers are drawn for
            padding too, so with other shapes a seed would give another model.
    """
    if torch.compiler.is_compiling():  # `len` would fix `n` there
        return rows
    step = most if training else step_for(len(rows), most)
    return pad_to(rows, len(rows) + -len(rows) % step)


def pad_to(rows: Tensor, count: int) -> Tensor:
    """Add zero rows `[n, H]` up to `count`; none to a graph that is exported for any `n`."""
    if torch.compiler.is_compiling():
        return rows
    return F.pad(rows, (0, 0, 0, count - len(rows))) if count > len(rows) else rows


def fits_slot_encoder(model: Any) -> bool:
    """Return whether `SlotEncoder` computes what this masked language model computes."""
    config = model.config
    return (
        config.model_type in BERT_LIKE
        and not getattr(config, "is_decoder", False)
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
    )
