"""The form of a row that a classifier reads: `[CLS] field [SEP] field [SEP]`, without prefix,
pattern and masks."""

from pet_mtl.cloze.form import Compiled, Form, FormPart
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.pattern import parse_pattern
from pet_mtl.suite.task import TaskSpec


def compile_plain(task: TaskSpec, tokenizer: PieceTokenizer, max_length: int) -> Compiled:
    """Compile the one plain form of a task: the fields that its patterns use, in the order of its
    columns.

    A row is one prompt, without masks, and its slot is its first token.

    Raises:
        PetMtlError: `max_length` leaves the fields no room; a kind that needs patterns.
    """
    if task.kind_spec.facts.hypotheses:
        raise PetMtlError(
            f"task `{task.name}`: `kind: {task.kind}` states labels in patterns, which this method "
            "does not read",
            hint="choose `--method pet` or `cln`, or another kind for the task",
        )
    used = {name for pattern in task.patterns for name in parse_pattern(pattern).fields}
    start, end = (
        FormPart(ids=tuple(ids), kind="special") for ids in (tokenizer.start_ids, tokenizer.end_ids)
    )
    parts = [start]
    for name in task.fields:
        if name in used:
            parts += [FormPart(field=name, kind="field"), end]
    form = Form(
        task.name,
        0,
        tuple(parts),
        masks=(0,),
        num_labels=len(task.readings.labels),
        kind=task.kind_spec,
        long_text=task.long_text,
        pooling=task.long_text_pooling,
    )
    if form.room(max_length) < len(used):
        raise PetMtlError(
            f"task `{task.name}`: its special tokens take {form.constant_length} of {max_length} "
            "tokens, which leaves no room for the text",
            hint="raise `train.max_length`",
        )
    return Compiled((form,))
