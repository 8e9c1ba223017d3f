"""Cloze models of one task with a kind of verbalizer, and their label scores."""

from typing import Any

import numpy as np
import torch
import toys
from torch import Tensor

from pet_mtl.cloze.batch import cut_batches
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.own_parts import OwnParts, build_own_parts
from pet_mtl.model.verbalizers.reader import LabelReader

WORDS = {"x": ["好", "体育新闻", "真"], "y": ["科技"], "z": ["坏", "文化"]}
PATTERNS = ["这是{mask}：{a}", "{a}{mask}。"]
ROWS = Rows.of({"a": ["good", "", "天气" * 9, "x y"]}, labels=[0, 1, 2, 0])


def build(
    tokenizer: PieceTokenizer, kind: Any, *, family: str = "bert", **more: Any
) -> tuple[ClozeModel, Prompts]:
    task = toys.make_task(PATTERNS, WORDS, verbalizer_kind=kind, **more)
    compiled = compile_forms(task, tokenizer, 32)
    prompts = encode_forms(compiled.forms, {"toy": ROWS}, tokenizer, 32)
    backbone = Backbone(toys.build_mlm(family, tokenizer.vocab_size))
    torch.manual_seed(5)
    parts = build_own_parts(backbone, compiled, [task])
    return ClozeModel(backbone, compiled.words, ["mean"] * 2, parts).eval(), prompts


def label_words(tokenizer: PieceTokenizer, kind: Any, **more: Any) -> tuple[LabelWords, ...]:
    """Return the label words of each form of the task that `build` makes."""
    task = toys.make_task(PATTERNS, WORDS, verbalizer_kind=kind, **more)
    return compile_forms(task, tokenizer, 32).words


def reader_of(model: ClozeModel) -> LabelReader:
    assert isinstance(model.own, OwnParts)
    reader = model.own.readers["task_toy"]
    assert isinstance(reader, LabelReader)
    return reader


def scores(model: ClozeModel, prompts: Prompts, tokenizer: PieceTokenizer) -> Tensor:
    """Return the label scores `[items, K]`."""
    out: dict[int, Tensor] = {}
    for plan in cut_batches(prompts, np.arange(len(prompts)), 150):
        batch = collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
        for group, of_group in zip(batch.groups, model(batch), strict=True):
            assert of_group.dtype == torch.float32
            out |= dict(zip(plan.items[group.items.numpy()].tolist(), of_group, strict=True))
    return torch.stack([out[item] for item in range(len(prompts))])


def logits_at_slots(
    model: ClozeModel, prompts: Prompts, item: int, masks: int, mask_id: int
) -> tuple[Tensor, Tensor]:
    """Return what the decoder reads at the slots `[masks, E]`, and its logits `[masks, V]`, of one
    prompt run alone."""
    mlm, at = model.backbone.mlm, int(prompts.slot_at[item])
    ids = prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist()
    row = torch.tensor([[*ids[:at], *[mask_id] * masks, *ids[at:]]])
    hidden = mlm.base_model(input_ids=row).last_hidden_state[0, at : at + masks]
    return mlm.cls.predictions.transform(hidden), mlm.cls.predictions(hidden)
