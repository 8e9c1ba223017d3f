"""A suite of two tasks for a method, its rows as prompts, and its model."""

from typing import Any

import numpy as np
import toys
from torch import Tensor

from pet_mtl.cloze.batch import BatchPlan, cut_batches
from pet_mtl.cloze.collate import Batch, collate
from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.form import Compiled, compile_tasks
from pet_mtl.data.rows import Rows
from pet_mtl.model.methods import build, compiler
from pet_mtl.model.task_model import TaskModel
from pet_mtl.suite.method import METHODS, Method
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite

TEXTS = ["good", "天气" * 9, "", "x [MASK] y", "科技新闻", "b" * 7]
TASKS = {
    "one": toys.make_task(
        "{mask}。{text}", {"0": ["好"], "1": ["坏"], "2": ["中"]}, name="one", prefix="分："
    ),
    "two": toys.make_task(
        ["{first}{mask}，{second}", "是{mask}：{second}"],
        {"a": ["好", "真好"], "b": ["不是"]},
        name="two",
        prefix="类：",
    ),
}
ROWS = {
    "one": Rows.of({"text": TEXTS}, labels=[0, 1, 2, 0, 1, 2]),
    "two": Rows.of({"first": TEXTS[:4], "second": TEXTS[2:]}, labels=[0, 1, 0, 1]),
}


def make_suite(name: str, **options: Any) -> Suite:
    method: Method = METHODS[name].model_validate({"name": name, **options})  # type: ignore[assignment]
    settings = TrainSettings(max_length=32, seed=3)
    return Suite(name="toy", model="toy", tasks=TASKS, train=settings, sampling=SamplingSettings(), method=method,
                 source="toy.yaml", base=".")  # fmt: skip


def encode(suite: Suite) -> Prompts:
    return encode_forms(compiled(suite).forms, ROWS, toys.piece_tokenizer("wordpiece"), 32)


def compiled(suite: Suite) -> Compiled:
    tokenizer = toys.piece_tokenizer("wordpiece")
    return compile_tasks(suite.tasks.values(), tokenizer, 32, compiler(suite.method))


def make_model(suite: Suite, mlm: Any, attention: str = "eager") -> TaskModel:
    return build(mlm, compiled(suite), suite, attention).eval()


def batches(suite: Suite, budget: int = 10_000, items: list[int] | None = None) -> list[Batch]:
    tokenizer, prompts = toys.piece_tokenizer("wordpiece"), encode(suite)
    chosen = np.arange(len(prompts)) if items is None else np.array(items)
    plans = (
        [BatchPlan(chosen, 32, 40)] if budget == 10_000 else cut_batches(prompts, chosen, budget)
    )
    return [
        collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id) for plan in plans
    ]


def score(model: TaskModel, of: list[Batch]) -> dict[int, Tensor]:
    """Return the label scores of each item."""
    out: dict[int, Tensor] = {}
    for batch in of:
        for group, scores in zip(batch.groups, model(batch), strict=True):
            out |= dict(zip(batch.items[group.items.numpy()].tolist(), scores, strict=True))
    return out
