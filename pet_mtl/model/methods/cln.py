"""`--method cln`: one cloze model whose LayerNorms depend on the task; rows have no prefix."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.form import Compiled, CompileTask, compile_forms
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.model.amendments import Amendments
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.causal import refuse_causal
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.conditional_norm import ConditionalNorms
from pet_mtl.model.methods.capabilities import Capabilities
from pet_mtl.model.own_parts import OwnParts, build_own_parts
from pet_mtl.model.word_reader import Layout
from pet_mtl.model.word_scores import Aggregation
from pet_mtl.suite.method import ClnMethod
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec

CAPABILITIES = Capabilities(reads_words=True, has_patterns=True, zero_shot=False, words_alone=False)


def compiler(method: ClnMethod) -> CompileTask:
    return compile_forms if method.prefix else _compile_bare


def _compile_bare(task: TaskSpec, tokenizer: PieceTokenizer, max_length: int) -> Compiled:
    return compile_forms(task.model_copy(update={"prefix": ""}), tokenizer, max_length)


def build(mlm: Any, compiled: Compiled, suite: Suite, attention: str) -> "ConditionalModel":
    """Condition the norms of a masked language model on the tasks of a suite."""
    assert isinstance(suite.method, ClnMethod)
    refuse_causal(mlm, "`--method cln`", "choose another model, or `--method pet`")
    names = list(suite.tasks)
    forms = compiled.forms
    aggregations = [suite.tasks[form.task].aggregation for form in forms]
    task_of_form = [names.index(form.task) for form in forms]
    backbone = Backbone(mlm, attention)
    parts = build_own_parts(backbone, compiled, list(suite.tasks.values()))
    model = ConditionalModel(
        backbone, compiled.words, aggregations, task_of_form, len(names), suite.method.size, parts
    )
    model.own_rate = suite.method.learning_rate
    return model


class _Own(nn.Module):
    """What no backbone has: a vector for each task, and what it does to the norms."""

    def __init__(
        self, tasks: nn.Embedding, norms: ConditionalNorms, parts: OwnParts | None
    ) -> None:
        super().__init__()
        self.tasks, self.norms, self.parts = tasks, norms, parts
        # AdamW moves all of W alike, so γ' and β' move by the rate times Σ |c|: with N(0, 1)
        # training fell apart
        nn.init.uniform_(tasks.weight, -0.05, 0.05)


class ConditionalModel(ClozeModel):
    """A cloze model that knows each row's task by its norms.

    Args:
        task_of_form: the task of each of `Prompts.forms`.
        tasks: number of tasks.
        size: numbers that stand for a task.
        parts: what the tasks add to any cloze model.
    """

    def __init__(
        self,
        backbone: Backbone,
        words: Sequence[LabelWords],
        aggregations: Sequence[Aggregation],
        task_of_form: Sequence[int],
        tasks: int,
        size: int,
        parts: OwnParts | None = None,
    ) -> None:
        super().__init__(backbone, words, aggregations, parts)
        self.task_of_form = tuple(task_of_form)
        self.own = _Own(nn.Embedding(tasks, size), ConditionalNorms(backbone, size), parts)

    def _amended(self, batch: Batch, layout: Layout) -> tuple[Tensor, Amendments]:
        input_ids, amendments = super()._amended(batch, layout)
        tasks = batch.of_prompts(self.task_of_form)
        length, slots = batch.input_ids.shape[1], batch.slots.shape[1]
        norms: Amendments = self.own.norms.conditioned(self.own.tasks.weight, tasks, length, slots)
        return input_ids, {**amendments, **norms}

    def read_items(self, batch: Batch, states: Tensor) -> Tensor:
        tasks = torch.zeros(len(states), dtype=torch.long, device=states.device)
        for group in batch.groups:
            tasks[group.items] = self.task_of_form[group.form]
        norms = self.own.norms.conditioned(self.own.tasks.weight, tasks, 1, 1)
        return self.backbone.read(states[:, None], norms)[:, 0]

    def task_parameters(self) -> int:
        return super().task_parameters() + self.own.tasks.weight.numel()
