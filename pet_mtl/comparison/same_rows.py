"""How long a task is trained alone, so that it sees as many of its rows as when all are trained."""

from collections.abc import Mapping
from itertools import islice

import numpy as np

from pet_mtl.cloze.encode import encode_forms
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.data.rows import Rows
from pet_mtl.scoring.loaded import compile_suite
from pet_mtl.storage.pretrained import load_pieces, suite_model
from pet_mtl.suite.suite import Suite


def steps_alone(
    suite: Suite, rows: Mapping[str, Rows], task: str, kind: type[Schedule] = Schedule
) -> int:
    """Return after how many steps a task alone has seen as many of its rows as in a run of all.

    A step is a number of tokens, and tasks differ in the length of their rows, so the task's share
    of the rows is not its share of the steps.

    Args:
        suite: of the run of all tasks, with its `train.max_steps`.
        rows: what each of its tasks learns from.
        kind: how steps are cut.
    """
    tokenizer = load_pieces(suite_model(suite))
    train = suite.train

    def schedule(rows: Mapping[str, Rows]) -> Schedule:
        forms = [form for form in compiled.forms if form.task in rows]
        prompts = encode_forms(forms, rows, tokenizer, train.max_length, windows=False)
        return kind(
            prompts,
            temperature=suite.sampling.temperature,
            batch_tokens=train.batch_tokens,
            seed=train.seed,
        )

    compiled = compile_suite(suite, tokenizer)
    joint, alone = schedule(rows), schedule({task: rows[task]})
    last = joint.ends(train.epochs, train.max_steps)[-1]
    of_task = np.array([form.task == task for form in joint.prompts.forms])
    wanted = sum(
        int(of_task[joint.prompts.form[plan.items]].sum())
        for _, plan in islice(joint.from_step(0), last)
    )
    seen = 0
    for step, (_, plan) in enumerate(alone.from_step(0), 1):
        seen += len(plan.items)
        if seen >= wanted:
            return step
    raise AssertionError("a schedule has no end")
