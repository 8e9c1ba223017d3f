"""The unlabelled rows of the tasks."""

from collections.abc import Mapping, Sequence

from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.form import Form
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import say
from pet_mtl.data.suite_data import TaskData
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite


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
    rows = {task: of_task.unlabelled for task, of_task in data.items() if of_task.unlabelled}
    if not rows:
        raise PetMtlError(
            "there are no unlabelled rows to read",
            where=f"train.losses.{name}.text",
            hint="give a task `data: {unlabelled: FILE}`, or set `text: labelled`",
        )
    say(f"losses: {name} reads {sum(map(len, rows.values())):,} unlabelled rows")
    return encode_forms(forms, rows, tokenizer, suite.train.max_length, windows=False)
