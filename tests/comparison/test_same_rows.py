from itertools import islice
from pathlib import Path

import pytest

from pet_mtl.cloze.encode import encode_forms
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.comparison.same_rows import steps_alone
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.scoring.loaded import compile_suite
from pet_mtl.storage.pretrained import load_pieces
from pet_mtl.suite.suite import load_suite


@pytest.mark.parametrize("steps", [1, 7, 30])
@pytest.mark.parametrize("method", ["pet", "heads"])
def test_a_task_alone_ends_at_the_step_with_its_rows(
    suite_file: Path, steps: int, method: str
) -> None:
    """Counted one by one over the steps that training takes."""
    overrides = [f"train.max_steps={steps}", "train.epochs=50", "sampling.temperature=0.5"]
    suite = load_suite(suite_file, overrides=overrides, method=method)
    tokenizer = load_pieces(suite.model)
    rows = {name: task.train for name, task in load_suite_data(suite).items()}
    forms = compile_suite(suite, tokenizer).forms

    def seen(names: list[str], task: str, most: int) -> int:
        own = [form for form in forms if form.task in names]
        prompts = encode_forms(
            own,
            {name: rows[name] for name in names},
            tokenizer,
            suite.train.max_length,
            windows=False,
        )
        schedule = Schedule(
            prompts,
            temperature=0.5,
            batch_tokens=suite.train.batch_tokens,
            seed=suite.train.seed,
        )
        return sum(
            prompts.forms[prompts.form[item]].task == task
            for _, plan in islice(schedule.from_step(0), most)
            for item in plan.items
        )

    for task in suite.tasks:
        wanted, alone = seen(list(suite.tasks), task, steps), steps_alone(suite, rows, task)
        assert seen([task], task, alone) >= wanted
        assert alone == 1 or seen([task], task, alone - 1) < wanted
