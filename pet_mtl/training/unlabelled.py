"""The unlabelled rows of the tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.form import Form
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import say
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite


def fresh_rows(task: TaskData) -> Rows | None:
    """Return a task's unlabelled rows, all without a label; None where it has no such file.

    Those with the text of a dev or test row stay out.
    """
    if task.unlabelled is None:
        return None
    measured = [row_keys(part) for part in (task.dev, task.test) if part is not None]
    seen = np.concatenate([np.empty(0, np.uint64), *measured])
    fresh = np.flatnonzero(~np.isin(row_keys(task.unlabelled), seen))
    none = np.full(len(fresh), -1, np.int64)  # the files may have labels all the same
    return replace(task.unlabelled.take(fresh), labels=none)


def encode_unlabelled(
    suite: Suite, data: Mapping[str, TaskData], forms: Sequence[Form], tokenizer: PieceTokenizer
) -> Prompts | None:
    """Return the prompts of all unlabelled rows, None where no loss term reads them.

    Raises:
        PetMtlError: a term needs them and there are none.
    """
    name = suite.train.losses.reads_unlabelled
    if name is None:
        return None
    found = {task: fresh_rows(of_task) for task, of_task in data.items()}
    rows = {task: fresh for task, fresh in found.items() if fresh is not None and len(fresh)}
    if not rows:
        raise PetMtlError(
            "there are no unlabelled rows to read",
            where=f"train.losses.{name}.text",
            hint="give a task `data: {unlabelled: FILE}`, or set `text: labelled`",
        )
    say(f"losses: {name} reads {sum(map(len, rows.values())):,} unlabelled rows")
    return encode_forms(forms, rows, tokenizer, suite.train.max_length, windows=False)
