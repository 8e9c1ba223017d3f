"""How long a task is trained alone, so that it sees as many of its rows as when all are trained."""

from collections.abc import Mapping
from itertools import accumulate, islice

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
    compiled, train = compile_suite(suite, tokenizer), suite.train

    def schedule(of_tasks: Mapping[str, Rows]) -> Schedule:
        forms = [form for form in compiled.forms if form.task in of_tasks]
        prompts = encode_forms(forms, of_tasks, tokenizer, train.max_length, windows=False)
        return kind(
            prompts,
            temperature=suite.sampling.temperature,
            batch_tokens=train.batch_tokens,
            seed=train.seed,
        )

    joint, alone = schedule(rows), schedule({task: rows[task]})
    last = joint.ends(train.epochs, train.max_steps)[-1]
    of_task = np.array([form.task == task for form in joint.prompts.forms])
    wanted = sum(
        int(of_task[joint.prompts.form[plan.items]].sum())
        for _, plan in islice(joint.from_step(0), last)
    )
    seen = accumulate(len(plan.items) for _, plan in alone.from_step(0))  # without end
    return next(step for step, count in enumerate(seen, 1) if count >= wanted)
