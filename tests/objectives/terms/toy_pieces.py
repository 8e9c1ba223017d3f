"""A piece of a step over three small tasks, with a random model that reads it."""

from typing import Any

import numpy as np
import toys

from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.cloze.collate import Batch, collate
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.form import compile_tasks
from pet_mtl.data.rows import Rows
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.hardware import Machine
from pet_mtl.objectives.terms import Piece
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.training.row_loss import RowLoss
from pet_mtl.training.step_model import StepModel, term_facts

TASKS = {
    "news": toys.make_task(
        ["这是一条{mask}新闻：{title}", "{title}。{mask}"],
        {"t": ["体育", "好"], "c": ["科技新闻"]},  # lengths 1, 2 and 4
        name="news",
    ),
    "pair": toys.make_task(
        "{a}{mask}不{b}",
        {"1": ["好", "真"], "0": ["坏"], "2": ["新"]},
        name="pair",
        prefix="分类：",
    ),
}
ROWS = {
    "news": Rows.of({"title": ["天气中国", "好坏", "", "文化天气真"]}, labels=[0, 1, 0, -1]),
    "pair": Rows.of(
        {"a": ["abc中", "天", "体育文", "好"], "b": ["文化中", "坏好", "", "技"]},
        labels=[0, 0, 2, 1],
    ),
}


class ToyPiece:
    """One term over all rows of the toy tasks.

    Attributes:
        term: the one that the settings name.
    """

    def __init__(self, losses: dict[str, Any], family: str = "bert") -> None:
        self.tokenizer = toys.piece_tokenizer("wordpiece")
        self.prompts: Prompts = encode_suite(TASKS, ROWS, self.tokenizer, 40)
        self.words = compile_tasks(TASKS.values(), self.tokenizer, 40).words
        mlm = toys.build_mlm(family, vocab_size=self.tokenizer.vocab_size)
        forms = self.prompts.forms
        self.model = ClozeModel(Backbone(mlm, "eager"), self.words, ["mean"] * len(forms))
        settings = TrainSettings.model_validate({"losses": losses})
        machine = Machine.choose("fp32", "eager")
        facts = term_facts(self.model, self.prompts, self.tokenizer)
        loss = RowLoss(self.prompts, settings, machine.device, {}, facts)
        self.step_model = StepModel(self.model, loss, machine)
        ((self.name, self.term),) = loss.piece_terms.items()

    def batch(self, items: Any = None) -> Batch:
        items = np.arange(len(self.prompts)) if items is None else np.array(items)
        longest = round_up(int(self.prompts.lengths[items].max()))
        plan = BatchPlan(items, longest, int(self.prompts.variants[items].sum()))
        return collate(
            self.prompts, plan, mask_id=self.tokenizer.mask_id, pad_id=self.tokenizer.pad_id
        )

    def draws(self, batch: Batch, step: int = 0) -> Draws:
        return Draws(3, step, batch.items)

    def piece(self, batch: Batch, step: int = 0, progress: float = 0.5) -> Piece:
        """Return what the term is given of a batch."""
        altered = self.term.prepare(self.prompts, batch, self.draws(batch, step))
        read = self.step_model.piece(batch)
        return Piece(batch, read.rows, self.step_model, altered, progress)

    def text(self, ids: Any) -> str:
        return "".join(self.tokenizer.piece_texts(list(ids)))
