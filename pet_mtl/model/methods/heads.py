"""`--method heads`: one encoder, features of a row, what the tasks share of them, and a decoder for
each task."""

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.form import Compiled, CompileTask
from pet_mtl.cloze.plain_form import compile_plain
from pet_mtl.errors import PetMtlError
from pet_mtl.model.encoder import Encoder
from pet_mtl.model.sharing.hard import Hard
from pet_mtl.model.sharing.mmoe import Mmoe
from pet_mtl.model.sharing.ple import Ple
from pet_mtl.model.sharing.shared_private import SharedPrivate
from pet_mtl.model.sharing.soft import add_penalty_gradient
from pet_mtl.model.task_heads import Decoder, Features, LayerFeatures
from pet_mtl.model.task_model import TaskModel
from pet_mtl.suite.method import HeadsMethod, LayerMix
from pet_mtl.suite.suite import Suite

_FASTER = 10  # new classifiers learn from nothing


def compiler(method: HeadsMethod) -> CompileTask:
    return compile_plain


def build(mlm: Any, compiled: Compiled, suite: Suite, attention: str) -> "HeadsModel":
    """Put a classifier for each task of a suite on the encoder of a masked language model."""
    assert isinstance(suite.method, HeadsMethod)
    names = list(suite.tasks)
    labels = [len(task.verbalizer.labels) for task in suite.tasks.values()]
    forms = compiled.forms
    end = forms[0].parts[-1].ids
    encoder = Encoder(mlm, attention, end[-1] if end else None)
    model = HeadsModel(encoder, suite.method, labels, [names.index(form.task) for form in forms])
    model.own_rate = suite.method.learning_rate or min(1.0, _FASTER * suite.train.learning_rate)
    return model


_Sharing = Hard | SharedPrivate | Mmoe | Ple


class _Own(nn.Module):
    """What no backbone has: features (as many as encoders), sharing, decoders (one a task)."""

    def __init__(self, features: nn.ModuleList, sharing: _Sharing, decoders: nn.ModuleList) -> None:
        super().__init__()
        self.features, self.sharing, self.decoders = features, sharing, decoders


class HeadsModel(TaskModel):
    """Score the labels of mixed-task batches with a decoder for each task.

    Args:
        encoder: of the masked language model.
        method: the options.
        labels: number of labels of each task.
        task_of_form: the task of each of `Prompts.forms`.

    Attributes:
        encoders: one; with soft sharing one for each task, of which the first is the masked
            language model's.
    """

    def __init__(
        self,
        encoder: Encoder,
        method: HeadsMethod,
        labels: Sequence[int],
        task_of_form: Sequence[int],
    ) -> None:
        super().__init__()
        self.task_of_form = tuple(task_of_form)
        self.penalty = method.penalty
        self.reads_tokens = method.decoder == "lstm"
        tasks = len(labels)
        copies = tasks if method.sharing == "soft" and math.isfinite(method.penalty) else 1
        features = _features(method, encoder)
        sharing = _sharing(method, encoder.size, tasks)
        self.encoders = nn.ModuleList(
            [encoder, *(copy.deepcopy(encoder) for _ in range(copies - 1))]
        )
        self.own = _Own(
            nn.ModuleList([features, *(copy.deepcopy(features) for _ in range(copies - 1))]),
            sharing,
            nn.ModuleList(
                Decoder(
                    method.decoder, sharing.size, encoder.size, count, method.width, method.dropout
                )
                for count in labels
            ),
        )

    def forward(self, batch: Batch) -> list[Tensor]:
        device = batch.input_ids.device.type
        together = (
            self._read(0, batch.input_ids, batch.attention_mask)
            if len(self.encoders) == 1
            else None
        )
        scores = []
        for group in batch.groups:
            task, rows = self.task_of_form[group.form], group.prompts[0]
            mask = batch.attention_mask[rows]
            if together is None:
                features, tokens = self._read(task, batch.input_ids[rows], mask)
            else:
                features, tokens = (
                    together[0][rows],
                    together[1] if together[1] is None else together[1][rows],
                )
            with torch.autocast(device, enabled=False):
                shared = self.own.sharing(features, task)
                scores.append(self.own.decoders[task](shared, tokens, mask))
        return scores

    def _read(
        self, number: int, input_ids: Tensor, attention_mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return features `[N, H]` and, where the decoders read them, the last layer's states `[N,
        L, H]`."""
        encoder, features = self.encoders[number], self.own.features[number]
        assert isinstance(encoder, Encoder)
        if isinstance(features, LayerFeatures):
            states: Any = encoder.layers(input_ids, attention_mask)
            tokens = states[-1]
        else:
            first_only = features.first_only and not self.reads_tokens
            tokens = states = encoder(input_ids, attention_mask, first_only=first_only).float()
        with torch.autocast(
            input_ids.device.type, enabled=False
        ):  # little to compute: full precision costs nothing
            return features(states, attention_mask), tokens.float() if self.reads_tokens else None

    def add_penalty_gradient(self) -> None:
        if len(self.encoders) > 1:
            add_penalty_gradient(self.encoders, self.penalty)
            add_penalty_gradient(self.own.features, self.penalty)

    def task_parameters(self) -> int:
        parts: list[nn.Module] = [self.own.decoders, *self.own.sharing.task_modules()]
        if len(self.encoders) > 1:
            parts += [self.encoders, self.own.features]
        return sum(parameter.numel() for part in parts for parameter in part.parameters())


def _features(method: HeadsMethod, encoder: Encoder) -> Features | LayerFeatures:
    if not isinstance(method.features, LayerMix):
        return Features(method.features, encoder.size)
    for layer in method.features.layers:
        if not -encoder.depth - 1 <= layer <= encoder.depth:
            raise PetMtlError(
                f"the model has {encoder.depth} layers, there is no layer {layer}",
                where="method.features.layers",
                hint=(
                    f"choose from 0 (the embeddings) to {encoder.depth}, or from the end: -1, -2, …"
                ),
            )
    return LayerFeatures(method.features.layers)


def _sharing(method: HeadsMethod, size: int, tasks: int) -> _Sharing:
    width = method.expert_width or size
    match method.sharing:
        case "shared-private":
            return SharedPrivate(size, width, tasks)
        case "mmoe":
            return Mmoe(size, width, tasks, method.experts)
        case "ple":
            return Ple(size, width, tasks, method.experts, method.task_experts, method.levels)
        case _:  # with soft sharing, features are the tasks' own already
            return Hard(size)
