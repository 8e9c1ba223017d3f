"""A BERT layer as one differentiable function: the same numbers as the modules, with less memory
and fewer passes.

Autograd keeps a tensor for every module; here a layer keeps what its gradient needs and computes
the cheap rest again (the output of the activation), adds in place, and never writes a gradient of
zeros. Checked against the modules' own autograd in the tests.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pet_mtl.model.attention_frame import Frame

_NORM = torch.ops.aten.native_layer_norm.default
_NORM_BACKWARD = torch.ops.aten.native_layer_norm_backward.default
_GELU_BACKWARD = torch.ops.aten.gelu_backward.grad_input
_PACKED_FOR = 256  # rows: the layout that is best for so many
_SOFTMAX_BACKWARD = torch.ops.aten._softmax_backward_data.default


def fits_fused_layer(layer: Any) -> bool:
    """Return whether `fused_layer` computes what this BERT layer computes, in its present mode."""
    own, after = layer.attention.self, layer.attention.output
    inner, last = layer.intermediate, layer.output
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


def fused_layer(
    layer: "Any | Ready", queries: Tensor | None, hidden: Tensor, frame: Frame, wide: int
) -> Tensor:
    """Run a BERT layer with eager attention and no dropout.

    Args:
        layer: the module; while scoring, also what `ready` gave of it.
        queries: `[≥ N * wide, H]` rows that attend and are returned; None: those of `hidden`.
        hidden: `[≥ N * L, H]`.
        frame: of the batch.
        wide: queries of a prompt; `L` where `queries` is None.

    Returns:
        A tensor of the shape of `queries`.
    """
    if not isinstance(layer, Ready):
        layer = ready(layer, hidden.dtype, apart=queries is not None)
    settings = _Settings(frame, wide, layer)
    if not torch.is_grad_enabled():
        return _score(queries, hidden, settings)
    result: Tensor = _FusedLayer.apply(queries, hidden, settings, *layer.parameters)  # type: ignore[no-untyped-call]
    return result


class _Parameters(NamedTuple):
    """The parameters of a layer, or their gradients; autograd's functions take and give them one by
    one."""

    query: Tensor  # [H, H]
    query_bias: Tensor
    key: Tensor
    key_bias: Tensor
    value: Tensor
    value_bias: Tensor
    output: Tensor  # of attention
    output_bias: Tensor
    scale_1: Tensor  # of the norm behind attention
    shift_1: Tensor
    up: Tensor  # [I, H]
    up_bias: Tensor
    down: Tensor  # [H, I]
    down_bias: Tensor
    scale_2: Tensor  # of the last norm
    shift_2: Tensor

    @classmethod
    def of(cls, layer: Any) -> "_Parameters":
        own, after, last = layer.attention.self, layer.attention.output, layer.output
        attention = (own.query, own.key, own.value, after.dense, after.LayerNorm)
        modules = (*attention, layer.intermediate.dense, last.dense, last.LayerNorm)
        return cls(*(p for module in modules for p in (module.weight, module.bias)))


class _Casts(NamedTuple):
    """Weights and biases in the precision of the products; query, key and value stand in one, or,
    where other rows ask, key and value."""

    query: Tensor  # [H, H], or empty
    query_bias: Tensor
    joint: Tensor  # [3 H, H] or [2 H, H]
    joint_bias: Tensor
    output: Tensor
    output_bias: Tensor
    up: Tensor
    up_bias: Tensor
    down: Tensor
    down_bias: Tensor


class Ready(NamedTuple):
    """What a layer computes with."""

    parameters: _Parameters
    casts: _Casts
    eps_1: float  # of the norm behind attention
    eps_2: float  # of the last norm


def ready(layer: Any, kind: torch.dtype, *, apart: bool) -> Ready:
    """Return what a layer computes with as its parameters are now.

    Args:
        kind: of the products.
        apart: other rows ask than those that are read.
    """
    parameters = _Parameters.of(layer)
    casts = _casts(layer, parameters, kind, apart=apart)
    norms = layer.attention.output.LayerNorm, layer.output.LayerNorm
    return Ready(parameters, casts, *(norm.eps for norm in norms))


class _Saved(NamedTuple):
    """What the gradient of a layer needs of its forward pass; the output of the activation is
    computed again."""

    rows: Tensor  # those that attend
    hidden: Tensor
    q: Tensor
    k: Tensor
    v: Tensor
    weights: Tensor  # of attention
    context: Tensor
    sum_1: Tensor  # what the norms read, and what they computed of it
    mean_1: Tensor
    deviation_1: Tensor
    middle: Tensor  # behind the first norm
    before: Tensor  # the activation
    sum_2: Tensor
    mean_2: Tensor
    deviation_2: Tensor


class _Settings(NamedTuple):
    """What a layer reads beside rows."""

    frame: Frame
    wide: int  # queries of a prompt
    ready: Ready


class _FusedLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, queries: Tensor | None, hidden: Tensor, settings: "_Settings", *parameters: Tensor
    ) -> Tensor:
        frame, wide, cast = settings.frame, settings.wide, settings.ready.casts
        joint = _linear(hidden, cast.joint, cast.joint_bias)
        if queries is None:
            rows = hidden
            q, k, v = frame.split(joint, frame.length, 3)
        else:
            rows = queries
            (q,) = frame.split(_linear(queries, cast.query, cast.query_bias), wide, 1)
            k, v = frame.split(joint, frame.length, 2)
        weights = frame.weights(q, k)
        context = frame.join([frame.product(weights, v)], wide, len(rows))
        out, *behind = _behind_attention(rows, context, settings.ready)
        saved = _Saved(rows, hidden, q, k, v, weights, context, *behind)
        ctx.save_for_backward(*saved, *parameters)
        ctx.settings = settings
        ctx.same = queries is None
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        frame, wide, cast = ctx.settings.frame, ctx.settings.wide, ctx.settings.ready.casts
        tensors = ctx.saved_tensors
        seen = _Saved(*tensors[: len(_Saved._fields)])
        own = _Parameters(*tensors[len(_Saved._fields) :])
        kind, size = seen.hidden.dtype, [seen.hidden.shape[1]]
        norm = (seen.mean_2, seen.deviation_2, own.scale_2, own.shift_2)
        grad, *d_norm_2 = _NORM_BACKWARD(grad, seen.sum_2, size, *norm, [True] * 3)
        d_down = _weight_grads(grad, F.gelu(seen.before), own.down)
        d_before = grad @ cast.down
        _GELU_BACKWARD(d_before, seen.before, grad_input=d_before)
        d_up = _weight_grads(d_before, seen.middle, own.up)
        grad = torch.addmm(grad, d_before, cast.up, out=grad)
        del d_before
        norm = (seen.mean_1, seen.deviation_1, own.scale_1, own.shift_1)
        grad, *d_norm_1 = _NORM_BACKWARD(grad, seen.sum_1, size, *norm, [True] * 3)
        d_output = _weight_grads(grad, seen.context, own.output)
        (d_context,) = frame.split(grad @ cast.output, wide, 1)
        q, k, weights = seen.q, seen.k, seen.weights
        d_v = frame.product(weights.transpose(1, 2), d_context)
        d_weights = frame.product(d_context, seen.v.transpose(1, 2))
        d_scores = _SOFTMAX_BACKWARD(d_weights, weights, -1, kind)
        del d_weights
        d_scores *= q.shape[-1] ** -0.5
        d_q, d_k = frame.product(d_scores, k), frame.product(d_scores.transpose(1, 2), q)
        # `out=grad`: the gradient of the residual is in it already, and takes the sum in place
        if ctx.same:
            joint = frame.join([d_q, d_k, d_v], frame.length, len(seen.hidden))
            parts = _cut_joint(_weight_grads(joint, seen.hidden, own.query), 3)
            d_queries, d_hidden = None, torch.addmm(grad, joint, cast.joint, out=grad)
        else:
            d_rows = frame.join([d_q], wide, len(seen.rows))
            of_query = _weight_grads(d_rows, seen.rows, own.query)
            d_queries = torch.addmm(grad, d_rows, cast.query, out=grad)
            joint = frame.join([d_k, d_v], frame.length, len(seen.hidden))
            parts = [*of_query, *_cut_joint(_weight_grads(joint, seen.hidden, own.key), 2)]
            d_hidden = joint @ cast.joint
        found = (*parts, *d_output, *d_norm_1, *d_up, *d_down, *d_norm_2)  # as `_Parameters`
        return d_queries, d_hidden, None, *found


def _score(queries: Tensor | None, hidden: Tensor, settings: _Settings) -> Tensor:
    """Return the output of a layer, which has no gradient."""
    frame, wide, cast = settings.frame, settings.wide, settings.ready.casts
    rows, keys = hidden, _linear(hidden, cast.joint, cast.joint_bias)
    if queries is None:
        asked, keys = keys.tensor_split([hidden.shape[1]], 1)
    else:
        rows, asked = queries, _linear(queries, cast.query, cast.query_bias)
    context = frame.read(asked, keys, wide, rows.shape[0])
    return _behind_attention(rows, context, settings.ready)[0]


def _behind_attention(rows: Tensor, context: Tensor, ready: Ready) -> tuple[Tensor, ...]:
    """Return the output of a layer, and what `_Saved` names from `sum_1` on."""
    own, cast, size = ready.parameters, ready.casts, [rows.shape[1]]
    sum_1 = _linear(context, cast.output, cast.output_bias, rows)
    scale, shift = own.scale_1.detach(), own.shift_1.detach()
    middle, *norm_1 = _NORM(sum_1, size, scale, shift, ready.eps_1)
    before = _linear(middle, cast.up, cast.up_bias)
    sum_2 = _linear(F.gelu(before), cast.down, cast.down_bias, middle)
    scale, shift = own.scale_2.detach(), own.shift_2.detach()
    out, *norm_2 = _NORM(sum_2, size, scale, shift, ready.eps_2)
    return out, sum_1, *norm_1, middle, before, sum_2, *norm_2


def _cut_joint(grads: tuple[Tensor, Tensor], count: int) -> list[Tensor]:
    """Cut the gradients of joint weights and biases: weight and bias of each part in turn."""
    weight, bias = grads
    parts = zip(weight.chunk(count), bias.chunk(count), strict=True)
    return [one for both in parts for one in both]


_CASTS: WeakKeyDictionary[Any, dict[bool, tuple[Any, _Casts]]] = WeakKeyDictionary()


def forget_casts(layers: Iterable[Any]) -> None:
    """Forget what was kept for scoring: a step may follow, and fused optimizers change weights
    without a version."""
    for layer in layers:
        _CASTS.pop(layer, None)


def _casts(layer: Any, parameters: _Parameters, kind: torch.dtype, *, apart: bool) -> _Casts:
    """Return weights and biases in the precision of the products; kept while scoring.

    Args:
        apart: the query stands apart from key and value, else all three are joined.
    """
    # tensors made in inference mode have no version
    if torch.is_grad_enabled() or any(parameter.is_inference() for parameter in parameters):
        return _cast(parameters, kind, apart)
    state = kind, [(parameter.data_ptr(), parameter._version) for parameter in parameters]
    kept = _CASTS.setdefault(layer, {})
    found = kept.get(apart)
    # several threads may come here at once: each returns what it found or made
    if found is None or found[0] != state:
        found = kept[apart] = state, _packed(_cast(parameters, kind, apart))
    return found[1]


def _cast(parameters: _Parameters, kind: torch.dtype, apart: bool) -> _Casts:
    own = _Parameters(*(parameter.detach() for parameter in parameters))
    joined, biases = [own.key, own.value], [own.key_bias, own.value_bias]
    if not apart:
        joined, biases = [own.query, *joined], [own.query_bias, *biases]
    none = own.query.new_empty(0)
    plain = (own.output, own.output_bias, own.up, own.up_bias, own.down, own.down_bias)
    return _Casts(
        own.query.to(kind) if apart else none,
        own.query_bias.to(kind) if apart else none,
        _joint(kind, *joined),
        _joint(kind, *biases),
        *(one.to(kind) for one in plain),
    )


def _packed(casts: _Casts) -> _Casts:
    """Return weights in the layout of the CPU's kernels, which else turn them at each call: the
    same numbers come out, and one row takes a fifth less."""
    ops, weight = torch.ops.mkldnn, casts.joint
    usable = weight.device.type == "cpu" and weight.dtype is torch.bfloat16
    if not usable or _pointwise() is None or not hasattr(ops, "_reorder_linear_weight"):
        return casts
    weights = {name: getattr(casts, name) for name in ("query", "joint", "output", "up", "down")}
    return casts._replace(
        **{
            name: ops._reorder_linear_weight(weight, _PACKED_FOR)
            for name, weight in weights.items()
            if weight.numel()
        }
    )


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
