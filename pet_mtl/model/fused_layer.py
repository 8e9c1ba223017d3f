"""A BERT layer as one differentiable function: the same numbers as the modules, with less memory
and fewer passes.

Autograd keeps a tensor for every module; here a layer keeps what its gradient needs and computes
the cheap rest again (the output of the activation), adds in place, and never writes a gradient of
zeros. Checked against the modules' own autograd in the tests.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_BLOCK = 16  # prompts
_LENGTH_STEP = 16  # tokens

_NORM = torch.ops.aten.native_layer_norm.default
_NORM_BACKWARD = torch.ops.aten.native_layer_norm_backward.default
_GELU_BACKWARD = torch.ops.aten.gelu_backward.grad_input
_SOFTMAX_BACKWARD = torch.ops.aten._softmax_backward_data.default


def fits_fused_layer(layer: Any) -> bool:
    """Return whether `fused_layer` computes what this BERT layer computes, in its present mode."""
    own, after, inner, last = (
        layer.attention.self,
        layer.attention.output,
        layer.intermediate,
        layer.output,
    )
    active = [p.p for p in (own.dropout, after.dropout, last.dropout) if layer.training]
    return (
        not any(active)
        and all(
            type(norm) is nn.LayerNorm and not norm._forward_hooks
            for norm in (after.LayerNorm, last.LayerNorm)
        )
        and type(inner.intermediate_act_fn).__name__ == "GELUActivation"
        and all(
            type(m) is nn.Linear
            for m in (own.query, own.key, own.value, after.dense, inner.dense, last.dense)
        )
    )


@dataclass(frozen=True)
class Frame:
    """The shape that attention works in: blocks of prompts at padded lengths, so that few shapes
    occur.

    Every shape costs the CPU kernels a plan of a megabyte; `N` prompts of `L` tokens would be a
    shape for each `L`.

    Attributes:
        count: `N` prompts.
        length: `L` tokens of a prompt.
        heads: attention heads.
        bias: `[≥ N * heads, 1, ≥ L]` added to the attention scores.
    """

    count: int
    length: int
    heads: int
    bias: Tensor

    @classmethod
    def of(cls, attention_mask: Tensor, heads: int, kind: torch.dtype) -> "Frame":
        """Build the frame of a batch from its mask `[N, L]`."""
        count, length = attention_mask.shape
        mask = F.pad(attention_mask, (0, -length % _LENGTH_STEP, 0, -count % _BLOCK))
        bias = torch.zeros(mask.shape, dtype=kind, device=mask.device)
        bias = bias.masked_fill(mask == 0, torch.finfo(kind).min).repeat_interleave(heads, 0)[
            :, None
        ]
        return cls(count, length, heads, bias)

    def split(self, rows: Tensor, length: int, parts: int) -> tuple[Tensor, ...]:
        """Cut rows `[≥ N * length, parts * H]` into `parts` tensors `[≥ N * heads, ≥ length, H /
        heads]`."""
        high, long = (
            len(self.bias) // self.heads,
            self.bias.shape[-1] if length == self.length else length,
        )
        cut = (
            rows[: self.count * length]
            .view(self.count, length, parts, self.heads, -1)
            .permute(2, 0, 3, 1, 4)
        )
        size = cut.shape[-1]
        out = rows.new_empty(parts, high, self.heads, long, size)
        out[:, self.count :].zero_()
        out[:, : self.count, :, length:].zero_()
        out[:, : self.count, :, :length] = cut
        return out.view(parts, high * self.heads, long, size).unbind(0)

    def join(self, parts: Sequence[Tensor], length: int, height: int) -> Tensor:
        """Undo `split`: `[height, parts * H]`, the rows behind `N * length` zero."""
        size = parts[0].shape[-1] * self.heads
        out = parts[0].new_empty(height, len(parts) * size)
        out[self.count * length :].zero_()
        into = out[: self.count * length].view(self.count, length, len(parts), self.heads, -1)
        for number, part in enumerate(parts):
            cut = part.view(-1, self.heads, *part.shape[1:])[: self.count, :, :length]
            into[:, :, number].copy_(cut.transpose(1, 2))
        return out

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        """Return `left @ right`, block by block."""
        out = left.new_empty(len(left), left.shape[1], right.shape[2])
        for block in self.blocks():
            torch.bmm(left[block], right[block], out=out[block])
        return out

    def blocks(self) -> Iterator[slice]:
        step = _BLOCK * self.heads
        return (slice(start, start + step) for start in range(0, len(self.bias), step))


def fused_layer(
    layer: Any, queries: Tensor | None, hidden: Tensor, frame: Frame, wide: int
) -> Tensor:
    """Run a BERT layer with eager attention and no dropout.

    Args:
        queries: `[≥ N * wide, H]` rows that attend and are returned; None: those of `hidden`.
        hidden: `[≥ N * L, H]`.
        frame: of the batch.
        wide: queries of a prompt; `L` where `queries` is None.

    Returns:
        A tensor of the shape of `queries`.
    """
    own, after, inner, last = (
        layer.attention.self,
        layer.attention.output,
        layer.intermediate,
        layer.output,
    )
    modules = (
        own.query,
        own.key,
        own.value,
        after.dense,
        after.LayerNorm,
        inner.dense,
        last.dense,
        last.LayerNorm,
    )
    parameters = [p for module in modules for p in (module.weight, module.bias)]
    casts = _casts(layer, parameters, hidden.dtype)
    settings = (frame, wide, casts, after.LayerNorm.eps, last.LayerNorm.eps)
    result: Tensor = _FusedLayer.apply(queries, hidden, settings, *parameters)  # type: ignore[no-untyped-call]
    return result


class _FusedLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, queries: Tensor | None, hidden: Tensor, settings: Any, *parameters: Tensor
    ) -> Tensor:
        frame, wide, (w, b, wo, bo, wi, bi, wu, bu), eps_1, eps_2 = settings
        g1, b1, g2, b2 = (parameters[at].detach() for at in (8, 9, 14, 15))
        size = [hidden.shape[1]]
        if queries is None:
            rows = hidden
            q, k, v = frame.split(_linear(hidden, w, b), frame.length, 3)
        else:
            rows, own = queries, hidden.shape[1]
            (q,) = frame.split(_linear(queries, w[:own], b[:own]), wide, 1)
            k, v = frame.split(_linear(hidden, w[own:], b[own:]), frame.length, 2)
        weights = q.new_empty(len(q), q.shape[1], k.shape[1])
        for block in frame.blocks():
            scores, keys = weights[block], k[block].transpose(1, 2)
            torch.baddbmm(frame.bias[block], q[block], keys, alpha=q.shape[-1] ** -0.5, out=scores)
            torch.softmax(scores, -1, out=scores)
        context = frame.join([frame.product(weights, v)], wide, len(rows))
        sum_1 = _linear(context, wo, bo, rows)
        middle, mean_1, scale_1 = _NORM(sum_1, size, g1, b1, eps_1)
        before = _linear(middle, wi, bi)
        sum_2 = _linear(F.gelu(before), wu, bu, middle)
        out: Tensor
        out, mean_2, scale_2 = _NORM(sum_2, size, g2, b2, eps_2)
        ctx.save_for_backward(
            *(
                rows,
                hidden,
                q,
                k,
                v,
                weights,
                context,
                sum_1,
                mean_1,
                scale_1,
                middle,
                before,
                sum_2,
                mean_2,
                scale_2,
            ),
            *parameters,
        )
        ctx.settings = (frame, wide, queries is None)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        frame, wide, same = ctx.settings
        (
            rows,
            hidden,
            q,
            k,
            v,
            weights,
            context,
            sum_1,
            mean_1,
            scale_1,
            middle,
            before,
            sum_2,
            mean_2,
            scale_2,
        ) = ctx.saved_tensors[:15]
        wq, _, wk, _, wv, _, wo, _, g1, b1, wi, _, wu, _, g2, b2 = ctx.saved_tensors[15:]
        kind, size = hidden.dtype, [hidden.shape[1]]
        grad, d_g2, d_b2 = _NORM_BACKWARD(grad, sum_2, size, mean_2, scale_2, g2, b2, [True] * 3)
        d_wu, d_bu = _weight_grads(grad, F.gelu(before), wu)
        d_before = grad @ wu.to(kind)
        _GELU_BACKWARD(d_before, before, grad_input=d_before)
        d_wi, d_bi = _weight_grads(d_before, middle, wi)
        grad = torch.addmm(grad, d_before, wi.to(kind), out=grad)
        del d_before
        grad, d_g1, d_b1 = _NORM_BACKWARD(grad, sum_1, size, mean_1, scale_1, g1, b1, [True] * 3)
        d_wo, d_bo = _weight_grads(grad, context, wo)
        (d_context,) = frame.split(grad @ wo.to(kind), wide, 1)
        d_v = frame.product(weights.transpose(1, 2), d_context)
        d_scores = _SOFTMAX_BACKWARD(frame.product(d_context, v.transpose(1, 2)), weights, -1, kind)
        d_scores *= q.shape[-1] ** -0.5
        d_q, d_k = frame.product(d_scores, k), frame.product(d_scores.transpose(1, 2), q)
        if same:
            joint = frame.join([d_q, d_k, d_v], frame.length, len(hidden))
            d_weight, d_bias = _weight_grads(joint, hidden, wq)
            d_queries, d_hidden = None, torch.addmm(grad, joint, _joint(kind, wq, wk, wv), out=grad)
            (d_wq, d_wk, d_wv), (d_bq, d_bk, d_bv) = d_weight.chunk(3), d_bias.chunk(3)
        else:
            d_rows = frame.join([d_q], wide, len(rows))
            d_wq, d_bq = _weight_grads(d_rows, rows, wq)
            d_queries = torch.addmm(grad, d_rows, wq.to(kind), out=grad)
            joint = frame.join([d_k, d_v], frame.length, len(hidden))
            d_weight, d_bias = _weight_grads(joint, hidden, wk)
            d_hidden = joint @ _joint(kind, wk, wv)
            (d_wk, d_wv), (d_bk, d_bv) = d_weight.chunk(2), d_bias.chunk(2)
        return (
            *(d_queries, d_hidden, None),
            *(
                d_wq,
                d_bq,
                d_wk,
                d_bk,
                d_wv,
                d_bv,
                d_wo,
                d_bo,
                d_g1,
                d_b1,
                d_wi,
                d_bi,
                d_wu,
                d_bu,
                d_g2,
                d_b2,
            ),
        )


_CASTS: WeakKeyDictionary[Any, tuple[Any, list[Tensor]]] = WeakKeyDictionary()


def forget_casts(layers: Iterable[Any]) -> None:
    """Forget what was kept for scoring: a step may follow, and fused optimizers change weights
    without a version."""
    for layer in layers:
        _CASTS.pop(layer, None)


def _casts(layer: Any, parameters: Sequence[Tensor], kind: torch.dtype) -> list[Tensor]:
    """Return weights and biases in the precision of the products, query, key and value joined; kept
    while scoring."""
    if torch.is_grad_enabled() or any(
        parameter.is_inference() for parameter in parameters
    ):  # those have no version
        return _cast(parameters, kind)
    state = kind, [(parameter.data_ptr(), parameter._version) for parameter in parameters]
    kept = _CASTS.get(layer)
    if (
        kept is None or kept[0] != state
    ):  # several threads may come here at once: each returns what it found or made
        kept = _CASTS[layer] = state, _cast(parameters, kind)
    return kept[1]


def _cast(parameters: Sequence[Tensor], kind: torch.dtype) -> list[Tensor]:
    wq, bq, wk, bk, wv, bv, wo, bo, _, _, wi, bi, wu, bu, _, _ = (
        parameter.detach() for parameter in parameters
    )
    return [
        _joint(kind, wq, wk, wv),
        _joint(kind, bq, bk, bv),
        *(one.to(kind) for one in (wo, bo, wi, bi, wu, bu)),
    ]


def _joint(kind: torch.dtype, *parameters: Tensor) -> Tensor:
    return torch.cat([parameter.to(kind) for parameter in parameters])


@cache
def _pointwise() -> Any:
    """Return oneDNN's linear layer, where a sum costs no pass of its own; None without bf16 in its
    kernels here."""
    ops = torch.ops.mkldnn
    known = hasattr(ops, "_linear_pointwise") and hasattr(ops, "_is_mkldnn_bf16_supported")
    return ops._linear_pointwise if known and ops._is_mkldnn_bf16_supported() else None


def _linear(rows: Tensor, weight: Tensor, bias: Tensor, add: Tensor | None = None) -> Tensor:
    """Return `rows @ weight.T + bias`, and `add` on top."""
    out: Tensor
    pointwise = _pointwise() if rows.device.type == "cpu" and rows.dtype is torch.bfloat16 else None
    if pointwise is None:
        out = torch.addmm(bias, rows, weight.t())
        return out if add is None else out.add_(add)
    if add is None:
        out = pointwise.default(rows, weight, bias, "none", [], "")
    else:
        out = pointwise.binary(rows, add, weight, bias, "add")
    return out


def _weight_grads(grad: Tensor, rows: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of a linear layer's weight and bias, in the parameters' precision."""
    turned = grad.t()
    if grad.shape[1] < rows.shape[1]:  # turning the small one is cheaper than reading it across
        turned = turned.contiguous()
    return (turned @ rows).to(weight.dtype), grad.sum(0).to(weight.dtype)
