"""A masked language model that learns from a larger one beside its own loss.

The teacher reads the same masked rows. What it says at the masks (DistilBERT, Sanh et al. 2019),
how the queries, keys and values of a layer relate (MiniLMv2, Wang et al. 2021) and the states of
mapped layers (TinyBERT, Jiao et al. 2020) are learned, each with its weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.model.backbone import Backbone
from pet_mtl.model.slot_encoder import SlotEncoder
from pet_mtl.objectives.mlm_distillation import mlm_distillation
from pet_mtl.objectives.mlm_loss import IGNORED, mlm_loss
from pet_mtl.objectives.relations import relation_logs, relation_loss, state_loss
from pet_mtl.pretraining.mlm_model import MlmBatch
from pet_mtl.pretraining.teacher_settings import Part

_PROJECTIONS: Mapping[Part, str] = {"queries": "query", "keys": "key", "values": "value"}


@dataclass(frozen=True)
class Lesson:
    """What is learned, with every choice made.

    Attributes:
        mlm: weight of the model's own loss.
        weights: of the teacher's terms, `logits`, `relations`, `states`; those of weight 0 are not
            there.
        pairs: (layer, the teacher's layer) by term.
        parts: whose relations are learned.
        heads: relation heads.
        temperature: of the logits.
    """

    mlm: float
    weights: Mapping[str, float]
    pairs: Mapping[str, Sequence[tuple[int, int]]]
    parts: Sequence[Part]
    heads: int
    temperature: float

    @property
    def terms(self) -> tuple[str, ...]:
        return tuple(self.weights)

    def means(self, sums: Sequence[float], masked: float, tokens: float) -> dict[str, float]:
        """Return the terms' means, of the logits over masks, of the others over tokens; `loss` is
        their weighted sum."""
        means = {
            name: total / max(1.0, masked if name == "logits" else tokens)
            for name, total in zip(self.terms, sums, strict=True)
        }
        return {"loss": sum(self.weights[name] * mean for name, mean in means.items()), **means}

    def total(self, loss: Tensor, terms: Sequence[Tensor], masked: float, tokens: float) -> Tensor:
        """Return what is minimised: the sums of a piece as shares of the whole step's means."""
        total = loss * (self.mlm / max(1.0, masked))
        for name, term in zip(self.terms, terms, strict=True):
            count = masked if name == "logits" else tokens
            total = total + term * (self.weights[name] / max(1.0, count))
        return total


@dataclass(frozen=True)
class _Read:
    """What one pass over a batch gives.

    Attributes:
        states: `[K, E]` the head's states at the targets.
        outputs: `[N, L, H]` by layer.
        relations: `[N, heads, L, L]` logs by layer and part.
    """

    states: Tensor
    outputs: Mapping[int, Tensor]
    relations: Mapping[tuple[int, Part], Tensor]


class TaughtModel(nn.Module):
    """The losses of a model and of what its teacher knows.

    Args:
        backbone: the model.
        teacher: in evaluation mode; no part of this module, so never trained, saved or exchanged.
        lesson: what is learned.
    """

    def __init__(self, backbone: Backbone, teacher: Backbone, lesson: Lesson) -> None:
        super().__init__()
        self.backbone = backbone
        self.lesson = lesson
        self._teacher = (teacher,)

    def forward(self, batch: MlmBatch) -> tuple[Tensor, ...]:
        """Return the sum of the targets' cross-entropies (fp32), how many targets the model ranks
        first, and the sum of each of the lesson's terms."""
        (teacher,), lesson = self._teacher, self.lesson
        with torch.no_grad():
            taught = self._read(teacher, batch, 1)
            wanted = teacher.head.logits(taught.states) if "logits" in lesson.weights else None
        own = self._read(self.backbone, batch, 0)
        logits = self.backbone.head.logits(own.states)
        loss, right = mlm_loss(logits, batch.targets)
        rows = torch.arange(len(batch.input_ids), device=batch.input_ids.device) < batch.rows
        counts = (batch.attention_mask > 0) & rows[:, None]
        sums: dict[str, Tensor] = {}
        if wanted is not None:
            sums["logits"] = mlm_distillation(
                logits, wanted, batch.targets != IGNORED, lesson.temperature
            )
        if pairs := lesson.pairs.get("relations"):
            each = [
                relation_loss(own.relations[mine, part], taught.relations[its, part], counts)
                for mine, its in pairs
                for part in lesson.parts
            ]
            sums["relations"] = torch.stack(each).sum() / len(pairs)
        if pairs := lesson.pairs.get("states"):
            each = [
                state_loss(own.outputs[mine], taught.outputs[its], counts) for mine, its in pairs
            ]
            sums["states"] = torch.stack(each).mean()
        return loss, right, *(sums[name] for name in lesson.terms)

    def _read(self, backbone: Backbone, batch: MlmBatch, side: int) -> _Read:
        """Read a batch by the model (side 0) or its teacher (side 1)."""
        lesson = self.lesson
        related = {pair[side] for pair in lesson.pairs.get("relations", ())}
        shown = {pair[side] for pair in lesson.pairs.get("states", ())}
        if not related and not shown:
            hidden = backbone.encode(batch.input_ids, batch.attention_mask, batch.slots)
            states = backbone.head.states(hidden.flatten(0, 1)[batch.at])
            return _Read(states, {}, {})
        layers: Any = backbone.mlm.base_model.encoder.layer
        last = len(layers) - 1
        read: dict[int, Any] = dict.fromkeys(related | {layer + 1 for layer in shown - {last}})
        slots, length = batch.slots, batch.input_ids.shape[1]
        if last in shown:  # the last layer is computed at the slots only, unless all are wanted
            slots = torch.arange(length, device=slots.device).expand(len(batch.input_ids), -1)
        encode = backbone.encode
        assert isinstance(encode, SlotEncoder)  # `find_lesson` refuses other families
        hidden = encode(batch.input_ids, batch.attention_mask, slots, read=read)
        outputs = {layer: hidden if layer == last else read[layer + 1] for layer in shown}
        if last in shown:
            hidden = hidden.gather(1, batch.slots[..., None].expand(-1, -1, hidden.shape[-1]))
        states = backbone.head.states(hidden.flatten(0, 1)[batch.at])
        relations = {
            (layer, part): relation_logs(vectors, lesson.heads, batch.attention_mask > 0)
            for layer in related
            for part, vectors in _vectors(layers[layer], read[layer], lesson.parts).items()
        }
        return _Read(states, outputs, relations)


def _vectors(layer: Any, states: Tensor, parts: Sequence[Part]) -> dict[Part, Tensor]:
    """Return a layer's queries, keys or values `[N, L, H]` of the states that it reads."""
    projections = [getattr(layer.attention.self, _PROJECTIONS[part]) for part in parts]
    joint = F.linear(
        states,
        torch.cat([projection.weight for projection in projections]),
        torch.cat([projection.bias for projection in projections]),
    )
    return dict(zip(parts, joint.chunk(len(parts), -1), strict=True))
