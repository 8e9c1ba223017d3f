"""What a run learns from and is measured on: read, checked and encoded before anything is
written."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.form import Compiled
from pet_mtl.cloze.slot_cost import slot_cost_notes, tasks_of_one_length
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.cloze.unreadable import unreadable_warnings
from pet_mtl.console import say
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData, dev_rows_of, load_suite_data
from pet_mtl.model.backbone import check_length
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring.leak_guard import guard_rows
from pet_mtl.scoring.loaded import compile_suite
from pet_mtl.stepping.optimizer_step import has_dropout
from pet_mtl.storage.model_card import CardFacts
from pet_mtl.storage.pretrained import load_backbone, load_pieces, resolve_model
from pet_mtl.storage.trained_on import Keys, with_earlier
from pet_mtl.suite.idle import idle_settings, refuse_untrained
from pet_mtl.suite.suite import Suite
from pet_mtl.training.card_facts import card_facts
from pet_mtl.training.given import Given
from pet_mtl.training.preparation import prepare
from pet_mtl.training.row_notes import describe
from pet_mtl.training.teachers import check_teachers, rows_to_learn, taught_tasks
from pet_mtl.training.unlabelled import encode_unlabelled


@dataclass(frozen=True)
class Inputs:
    """Model, rows and prompts of a run.

    Attributes:
        suite: with all that was found out before the first step.
        tokenizer: of the backbone.
        mlm: the masked language model.
        machine: where and how it runs.
        compiled: the forms and label words of the suite.
        data: the rows of each task, as they were read.
        rows: those that are learned from: training rows, and the unlabelled ones of tasks that
            have teachers.
        prompts: of `rows`.
        others: of the unlabelled rows that an auxiliary loss reads; None without one.
        dev_rows: of the tasks that have some.
        dev: their prompts; None without any.
        trained_on: keys of the rows that the model will have seen, by way of its backbone and its
            teachers too.
        facts: what the checkpoint's model card tells.
    """

    suite: Suite
    tokenizer: PieceTokenizer
    mlm: Any
    machine: Machine
    compiled: Compiled
    data: Mapping[str, TaskData]
    rows: Mapping[str, Rows]
    prompts: Prompts
    others: Prompts | None
    dev_rows: Mapping[str, Rows]
    dev: Prompts | None
    trained_on: Mapping[str, Keys]
    facts: CardFacts


def read_inputs(
    suite: Suite,
    out: Path,
    machine: Machine,
    *,
    data: Mapping[str, TaskData] | None,
    teachers: Sequence[Path],
    answered: Collection[str] | None,
    resume: bool,
    skip_bad_rows: int,
) -> Inputs:
    """Read what a run needs, and tell the user what is noteworthy in it.

    Args:
        out: the run's folder, which is read where it goes on.
        data: rows of all tasks, instead of those that the suite names.
        answered: the tasks whose teachers have been asked, instead of those that `teachers` have.

    Raises:
        PetMtlError: see the parts; all problems of the data come at once.
    """
    tokenizer, mlm = _load(suite, machine)
    machine = machine.for_model(mlm)
    say(f"machine: {machine}")
    alone = data is None
    data = load_suite_data(suite, skip_bad_rows=skip_bad_rows) if data is None else data
    describe(suite, data)
    if answered is None:  # a resumed run names no teachers, its folder has their answers
        answered = check_teachers(teachers, suite) or taught_tasks(out, data)
    rows = rows_to_learn(data, answered)
    for name, of_task in rows.items():
        if more := len(of_task) - len(data[name].train):
            say(f"teachers: {name}, {more:,} unlabelled rows are learned from them")
    soft = {name for name, task in data.items() if task.soft_labels is not None}
    answered = {*answered, *soft}
    if not resume:  # what is stored of `knowledgeable` words is `weighted`, and was not refused
        refuse_untrained(suite, answered)
    last = out / "last" if resume else None
    learned = sum(len(of_task) for of_task in rows.values())
    suite = prepare(suite, Given(data, mlm, tokenizer, machine, last, learned))
    for key, reason in suite.chosen.items():
        say(f"train.{key}: {getattr(suite.train, key):.6g} ({reason})")
    compiled = compile_suite(suite, tokenizer)
    longest = suite.train.max_length
    prompts = encode_forms(compiled.forms, rows, tokenizer, longest, windows=False)
    others = encode_unlabelled(suite, data, compiled.forms, tokenizer)
    drops, causal = has_dropout(mlm), tokenizer.causal
    idle = idle_settings(
        suite,
        taught=answered,
        alone=alone,
        drops=drops,
        causal=causal,
        one_length=tasks_of_one_length(compiled, tokenizer.pad_id),
    )
    warnings = (f"warning: {note}" for note in idle)
    for line in (*slot_cost_notes(prompts), *unreadable_warnings(prompts, tokenizer), *warnings):
        say(line)
    dev_rows = dev_rows_of(data)
    backbone = Path(resolve_model(suite.model))
    guard_rows(backbone, dev_rows, strict=False)
    trained_on = {
        name: task.train_keys if rows[name] is task.train else row_keys(rows[name])
        for name, task in data.items()
    }
    facts = card_facts(suite, backbone, dev_rows, trained_on)
    if others is not None:
        for name, task in data.items():
            if task.unlabelled is not None:
                trained_on[name] = np.union1d(trained_on[name], row_keys(task.unlabelled))
    for folder in (backbone, *teachers, *([last] if last else [])):  # knows teachers that are gone
        trained_on = with_earlier(folder, trained_on)
    return Inputs(
        suite=suite,
        tokenizer=tokenizer,
        mlm=mlm,
        machine=machine,
        compiled=compiled,
        data=data,
        rows=rows,
        prompts=prompts,
        others=others,
        dev_rows=dev_rows,
        dev=encode_forms(compiled.forms, dev_rows, tokenizer, longest) if dev_rows else None,
        trained_on=trained_on,
        facts=facts,
    )


def _load(suite: Suite, machine: Machine) -> tuple[PieceTokenizer, Any]:
    folder = resolve_model(suite.model)
    tokenizer = load_pieces(folder)
    mlm = load_backbone(folder, attention=machine.attention.value, dropout=suite.train.dropout)
    check_length(mlm, suite.train.max_length)
    return tokenizer, mlm
