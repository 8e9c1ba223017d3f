"""MLM heads, split so that the decoder runs only over the vocabulary rows that are asked for.

Every known family's head is `decoder(transform(states))` with the decoder tied to the word
embeddings. Taking rows of the decoder by index keeps the tie: the gradient reaches the embeddings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.model.amendments import NONE, Amendments, run
from pet_mtl.model.attention_frame import pad_rows, pad_to

_ROW_STEP = 64
_FEW_ROWS = 16  # fewer are summed by other kernels, in another order


class MlmHead(Protocol):
    """What scores pieces at slots."""

    def states(self, hidden: Tensor) -> Tensor:
        """Turn encoder outputs at slots `[..., H]` into what the other methods read `[..., E]`."""

    def piece_logits(self, states: Tensor, ids: Tensor) -> Tensor:
        """Return the fp32 logits `[..., U]` of the `U` pieces `ids`."""

    def logits(self, states: Tensor) -> Tensor:
        """Return the logits of the whole vocabulary, `[..., V]`."""

    def log_normalizer(self, states: Tensor) -> Tensor:
        """Return the fp32 log of the softmax denominator over the whole vocabulary, `[...]`."""


@dataclass(frozen=True)
class SplitHead:
    """A head that ends in a norm, and whose decoder is a matrix product.

    Attributes:
        inner: `[..., H]` to what the norm reads, `[..., E]`.
        norm: the last part of the transform.
        decoder: returns weight `[V, E]` and bias `[V]` or None.
        sparse: whether `piece_logits` gives the weight a sparse gradient.
    """

    inner: Callable[[Tensor], Tensor]
    norm: nn.Module
    decoder: Callable[[], tuple[Tensor, Tensor | None]]
    sparse: bool = False

    def states(self, hidden: Tensor, amendments: Amendments = NONE) -> Tensor:
        return run(self.norm, self.inner(hidden), amendments)

    def piece_logits(self, states: Tensor, ids: Tensor) -> Tensor:
        weight, bias = self.decoder()
        # few rows: full precision costs nothing
        with torch.autocast(states.device.type, enabled=False):
            pieces = F.embedding(ids, weight, sparse=self.sparse).float()
            rows = states.float().flatten(0, -2)
            padded = rows if torch.is_grad_enabled() else pad_to(rows, _FEW_ROWS)
            logits = F.linear(padded, pieces, None if bias is None else bias[ids].float())
            return logits[: rows.shape[0]].view(*states.shape[:-1], -1)

    def logits(self, states: Tensor) -> Tensor:
        weight, bias = self.decoder()
        return F.linear(states, weight, bias)

    def log_normalizer(self, states: Tensor) -> Tensor:
        rows = states.flatten(0, -2)
        rows = pad_rows(rows, _ROW_STEP, training=torch.is_grad_enabled())
        normalizer = self.logits(rows).float().logsumexp(-1)
        return normalizer[: states[..., 0].numel()].view(states.shape[:-1])


@dataclass(frozen=True)
class WholeHead:
    """Any other head: all logits at the slots, then the ones that are asked for. Correct,
    slower."""

    head: Callable[[Tensor], Tensor | tuple[Tensor, ...]]

    def states(self, hidden: Tensor) -> Tensor:
        logits = self.head(hidden)
        return logits[0] if isinstance(logits, tuple) else logits  # XLM's head returns a tuple

    def piece_logits(self, states: Tensor, ids: Tensor) -> Tensor:
        return states[..., ids].float()

    def logits(self, states: Tensor) -> Tensor:
        return states

    def log_normalizer(self, states: Tensor) -> Tensor:
        return states.float().logsumexp(-1)


def split_head(model: Any) -> SplitHead | None:
    """Return the split head of a masked language model, or None where its family is not known."""
    build = _SPLITS.get(model.config.model_type)
    return build(model) if build else None


def _linear(layer: torch.nn.Linear) -> Callable[[], tuple[Tensor, Tensor | None]]:
    return lambda: (layer.weight, layer.bias)


def _bert(model: Any) -> SplitHead:
    predictions = model.cls.predictions
    head = predictions.transform
    return SplitHead(
        lambda hidden: head.transform_act_fn(head.dense(hidden)),
        head.LayerNorm,
        _linear(predictions.decoder),
    )


def _roberta(model: Any) -> SplitHead:
    head = model.lm_head
    return SplitHead(
        lambda hidden: F.gelu(head.dense(hidden)), head.layer_norm, _linear(head.decoder)
    )


def _modernbert(model: Any) -> SplitHead:
    head = model.head
    return SplitHead(lambda hidden: head.act(head.dense(hidden)), head.norm, _linear(model.decoder))


def _albert(model: Any) -> SplitHead:
    head = model.predictions
    return SplitHead(
        lambda hidden: head.activation(head.dense(hidden)), head.LayerNorm, _linear(head.decoder)
    )


def _electra(model: Any) -> SplitHead:
    head = model.generator_predictions
    return SplitHead(
        lambda hidden: head.activation(head.dense(hidden)),
        head.LayerNorm,
        _linear(model.generator_lm_head),
    )


def _distilbert(model: Any) -> SplitHead:
    return SplitHead(
        lambda hidden: model.activation(model.vocab_transform(hidden)),
        model.vocab_layer_norm,
        _linear(model.vocab_projector),
    )


def _deberta_v2(model: Any) -> SplitHead:
    if model.config.legacy:
        return _bert(model)
    # `get_output_embeddings()` names the wrong layer here: the decoder is the embedding matrix
    # itself.
    head, embeddings = model.lm_predictions.lm_head, model.deberta.embeddings.word_embeddings
    return SplitHead(
        lambda hidden: head.transform_act_fn(head.dense(hidden)),
        head.LayerNorm,
        lambda: (embeddings.weight, head.bias),
    )


def _plain(model: Any) -> SplitHead:
    """Return the head of a causal model: its last norm belongs to the encoder."""
    return SplitHead(lambda hidden: hidden, torch.nn.Identity(), _linear(model.lm_head))


# causal families whose decoder is a matrix product and nothing else: no scale, no cap
_CAUSAL = ("gpt2", "llama", "mistral", "qwen2", "qwen3")

_SPLITS: dict[str, Callable[[Any], SplitHead]] = {
    "bert": _bert,
    "ernie": _bert,
    "roberta": _roberta,
    "xlm-roberta": _roberta,
    "camembert": _roberta,
    "modernbert": _modernbert,
    "albert": _albert,
    "electra": _electra,
    "distilbert": _distilbert,
    "deberta-v2": _deberta_v2,
    **dict.fromkeys(_CAUSAL, _plain),
}
