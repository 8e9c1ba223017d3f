"""`--method heads`: one encoder, features of a row, what the tasks share of them, and a decoder for
each task."""

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.form import Compiled, CompileTask
from pet_mtl.cloze.plain_form import compile_plain
from pet_mtl.errors import PetMtlError
from pet_mtl.model.causal import refuse_causal
from pet_mtl.model.encoder import Encoder
from pet_mtl.model.methods.capabilities import Capabilities
from pet_mtl.model.row_dropout import RowNoise
from pet_mtl.model.sharing.cross_stitch import CrossStitch
from pet_mtl.model.sharing.hard import Hard
from pet_mtl.model.sharing.mmoe import Mmoe
from pet_mtl.model.sharing.moe import Moe
from pet_mtl.model.sharing.ple import Ple
from pet_mtl.model.sharing.routes import Routes
from pet_mtl.model.sharing.shared_private import SharedPrivate
from pet_mtl.model.sharing.snr import Snr
from pet_mtl.model.sharing.soft import add_penalty_gradient
from pet_mtl.model.task_heads import Decoder, Features, LayerFeatures, TapFeatures
from pet_mtl.model.task_model import Look, TaskModel
from pet_mtl.random_streams import GATES
from pet_mtl.suite.method import HeadsMethod, LayerMix
from pet_mtl.suite.suite import Suite

CAPABILITIES = Capabilities(
    reads_words=False, has_patterns=False, zero_shot=False, words_alone=False
)
_DECODERS = -2  # the place of their dropout; layers count from 0
_FASTER = 10  # new classifiers learn from nothing


def compiler(method: HeadsMethod) -> CompileTask:
    return compile_plain


def build(mlm: Any, compiled: Compiled, suite: Suite, attention: str) -> "HeadsModel":
    """Put a classifier for each task of a suite on the encoder of a masked language model."""
    assert isinstance(suite.method, HeadsMethod)
    refuse_causal(mlm, "`--method heads`", "choose another model, or `--method pet`")
    names = list(suite.tasks)
    labels = [len(task.readings.labels) for task in suite.tasks.values()]
    forms = compiled.forms
    end = forms[0].parts[-1].ids
    encoder = Encoder(mlm, attention, end[-1] if end else None)
    model = HeadsModel(encoder, suite.method, labels, [names.index(form.task) for form in forms])
    model.own_rate = suite.method.learning_rate or min(1.0, _FASTER * suite.train.learning_rate)
    return model


_Sharing = Hard | SharedPrivate | Moe | Mmoe | Ple | Snr


class _Own(nn.Module):
    """What no backbone has: features (as many as encoders), sharing, decoders (one a task), and
    what mixes encoders."""

    def __init__(
        self,
        features: nn.ModuleList,
        sharing: _Sharing,
        decoders: nn.ModuleList,
        stitch: CrossStitch | None,
    ) -> None:
        super().__init__()
        self.features, self.sharing, self.decoders = features, sharing, decoders
        self.stitch = stitch


class HeadsModel(TaskModel):
    """Score the labels of mixed-task batches with a decoder for each task.

    Args:
        encoder: of the masked language model.
        method: the options.
        labels: number of labels of each task.
        task_of_form: the task of each of `Prompts.forms`.

    Attributes:
        encoders: one; with soft sharing and cross-stitch one for each task, of which the first is
            the masked language model's.
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
        self.adversarial, self.orthogonality = method.adversarial, method.orthogonality
        self.penalty, self.route_penalty = method.penalty, method.route_penalty
        self.reads_tokens = method.decoder == "lstm"
        tasks = len(labels)
        soft = method.sharing == "soft" and math.isfinite(method.penalty)
        stitched = method.sharing == "cross-stitch"
        copies = tasks if soft or stitched else 1
        features = _features(method, encoder)
        sharing = _sharing(method, encoder.size, tasks)
        stitch = CrossStitch(tasks, _stitched_layers(method, encoder)) if stitched else None
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
            stitch,
        )

    def forward(self, batch: Batch) -> list[Tensor]:
        return self._scores(batch, self._features(batch))

    def look(self, batch: Batch, *, over_vocabulary: bool) -> Look:
        features = self._features(batch)
        return Look(
            self._scores(batch, features), [of_rows[:, None] for of_rows, _ in features], []
        )

    def _scores(
        self, batch: Batch, features: Sequence[tuple[Tensor, Tensor | None]]
    ) -> list[Tensor]:
        device, scores = batch.input_ids.device.type, []
        noise = None
        if self.training:
            noise = RowNoise.of(batch.input_ids, batch.attention_mask).at(_DECODERS)
        for group, (of_rows, tokens) in zip(batch.groups, features, strict=True):
            task, rows = self.task_of_form[group.form], group.prompts[0]
            with torch.autocast(device, enabled=False):
                shared = self.own.sharing(of_rows, task)
                mask, own = batch.attention_mask[rows], noise and noise.only(rows)
                scores.append(self.own.decoders[task](shared, tokens, mask, own))
        return scores

    def _features(self, batch: Batch) -> list[tuple[Tensor, Tensor | None]]:
        """Return for each of `batch.groups` its rows' features and, where they are read, token
        states; see `_read`."""
        members = [group.prompts[0] for group in batch.groups]
        if self.own.stitch is not None:
            return self._stitched(batch, self.own.stitch)
        if len(self.encoders) == 1:
            features, tokens = self._read(0, batch.input_ids, batch.attention_mask)
            return [(features[m], None if tokens is None else tokens[m]) for m in members]
        return [
            self._read(self.task_of_form[group.form], batch.input_ids[m], batch.attention_mask[m])
            for group, m in zip(batch.groups, members, strict=True)
        ]

    def _stitched(self, batch: Batch, stitch: CrossStitch) -> list[tuple[Tensor, Tensor | None]]:
        """Return what `_features` does, from encoders that are mixed on the way."""
        encoders: Any = self.encoders
        # with this method a task has one form
        rows = {self.task_of_form[group.form]: group.prompts[0] for group in batch.groups}
        states = stitch(
            [encoder.slots() for encoder in encoders],
            batch.input_ids,
            batch.attention_mask,
            encoders[0].segments(batch.input_ids),
            rows,
        )
        found: list[tuple[Tensor, Tensor | None]] = []
        for group in batch.groups:
            task = self.task_of_form[group.form]
            tokens = states[task].float()
            with torch.autocast(tokens.device.type, enabled=False):
                features = self.own.features[task](tokens, batch.attention_mask[rows[task]])
            found.append((features, tokens if self.reads_tokens else None))
        return found

    def routes(self, batches: Iterable[Batch], names: Sequence[str]) -> list[Routes]:
        """Return which task uses what, as a mean over the rows of some batches; nothing where the
        kind of sharing has neither gates nor routes.

        Args:
            names: of the tasks.
        """
        if self.own.stitch is not None:
            return self.own.stitch.routes(names)
        sharing = self.own.sharing
        if isinstance(sharing, Hard | SharedPrivate):
            return []
        found: dict[int, list[Tensor]] = {}
        for batch in batches:
            for group, (features, _) in zip(batch.groups, self._features(batch), strict=True):
                found.setdefault(self.task_of_form[group.form], []).append(features)
        return sharing.routes({task: torch.cat(found[task]) for task in sorted(found)}, names)

    def _read(
        self, number: int, input_ids: Tensor, attention_mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return features `[N, H]` and, where the decoders read them, the last layer's states `[N,
        L, H]`."""
        encoder, features = self.encoders[number], self.own.features[number]
        assert isinstance(encoder, Encoder)
        if isinstance(features, LayerFeatures | TapFeatures):
            states: Any = encoder.layers(input_ids, attention_mask)
            tokens = states[-1]
        else:
            first_only = features.first_only and not self.reads_tokens
            tokens = states = encoder(input_ids, attention_mask, first_only=first_only).float()
        # little to compute: full precision costs nothing
        with torch.autocast(input_ids.device.type, enabled=False):
            return features(states, attention_mask), tokens.float() if self.reads_tokens else None

    def begin_step(self, seed: int) -> None:
        if isinstance(self.own.sharing, Snr):
            self.own.sharing.draw(GATES.generator(seed))

    def add_penalty_gradient(self) -> None:
        if isinstance(self.own.sharing, Snr):
            self.own.sharing.add_penalty_gradient(self.route_penalty)
        elif len(self.encoders) > 1 and self.own.stitch is None:
            add_penalty_gradient(self.encoders, self.penalty)
            add_penalty_gradient(self.own.features, self.penalty)

    def task_parameters(self) -> int:
        parts: list[nn.Module] = [self.own.decoders, *self.own.sharing.task_modules()]
        if self.own.stitch is not None:  # what lies above the last mix sees its task's rows only
            above = self.own.stitch.layers[-1]
            encoders: Any = self.encoders
            parts += [layer for e in encoders for layer in e.slots().encoder.encoder.layer[above:]]
        elif len(self.encoders) > 1:
            parts.append(self.encoders)
        if len(self.encoders) > 1:
            parts.append(self.own.features)
        return sum(parameter.numel() for part in parts for parameter in part.parameters())


def _features(method: HeadsMethod, encoder: Encoder) -> Features | LayerFeatures | TapFeatures:
    if isinstance(method.features, LayerMix):
        _check_layers(method.features.layers, encoder, "method.features.layers")
        return LayerFeatures(method.features.layers)
    if method.sharing == "ple" and method.layers is not None:
        _check_layers(method.layers, encoder, "method.layers")
        return TapFeatures(method.features, method.layers, encoder.size)
    return Features(method.features, encoder.size)


def _check_layers(layers: Sequence[int], encoder: Encoder, where: str, lowest: int = 0) -> None:
    for layer in layers:
        number = layer if layer >= 0 else encoder.depth + 1 + layer
        if not lowest <= number <= encoder.depth:
            raise PetMtlError(
                f"the model has {encoder.depth} layers, there is no layer {layer}"
                if layer
                else "the embeddings are no layer",
                where=where,
                hint=(
                    f"choose from {lowest}{' (the embeddings)' if lowest == 0 else ''} to "
                    f"{encoder.depth}, or from the end: -1, -2, …"
                ),
            )


def _stitched_layers(method: HeadsMethod, encoder: Encoder) -> list[int]:
    """Return the layers behind which encoders are mixed, from 1, ascending."""
    encoder.slots()
    if method.layers is None:
        return list(range(2, encoder.depth + 1, 2)) or [encoder.depth]
    _check_layers(method.layers, encoder, "method.layers", lowest=1)
    return sorted({n if n > 0 else encoder.depth + 1 + n for n in method.layers})


def _sharing(method: HeadsMethod, size: int, tasks: int) -> _Sharing:
    width = method.expert_width or size
    match method.sharing:
        case "shared-private":
            return SharedPrivate(size, width, tasks)
        case "moe":
            return Moe(size, width, method.experts)
        case "mmoe":
            return Mmoe(size, width, tasks, method.experts)
        case "ple":
            tapped = method.layers is not None
            levels = len(method.layers) if method.layers else method.levels
            return Ple(size, width, tasks, method.experts, method.task_experts, levels, tapped)
        case "snr":
            transform = method.routes == "transform"
            return Snr(size, width, tasks, method.experts, method.levels, transform)
        case _:  # with an encoder for each task, features are the tasks' own already
            return Hard(size)
