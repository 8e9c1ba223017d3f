"""Rows in patterns that hold what other tasks predict (`{task:NAME}`), for words that are tried.

What the model says of the other tasks depends on the rows alone, not on the words that are tried,
so it is asked once, before slot states are read.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.columns import Columns
from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.form import Compiled, Form, compile_tasks, with_read_words
from pet_mtl.cloze.said import with_words
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.model.causal_reader import CausalReader
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.scoring.chain import said_labels
from pet_mtl.suite.chain import chain_of
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.states import Model


def encode_read(
    model: Model,
    forms: Sequence[Form],
    rows: Mapping[str, Rows],
    max_length: int,
    columns: Columns | None = None,
) -> tuple[Prompts, npt.NDArray[np.int64]]:
    """Encode rows into the forms of one task, the words of tasks that it reads among them.

    Args:
        forms: as `compile_forms` or `compile_pattern` leave them.
        columns: as `encode_forms` has it.

    Returns:
        The prompts, and the label numbers `[n, C]` that the other tasks say.

    Raises:
        PetMtlError: a task that is read is not among the model's, or its words leave no room; what
            it says is no word.
    """
    tokenizer = model.tokenizer
    if not any(form.said_parts for form in forms):
        prompts = encode_forms(forms, rows, tokenizer, max_length, columns)
        return prompts, np.zeros((len(prompts), 0), np.int64)
    refuse_mixed(forms)
    known = [with_read_words(form, model.tasks, tokenizer, max_length) for form in forms]
    chain: dict[str, TaskSpec] = {}
    named = (part.said for form in known for part in form.said_parts if part.said is not None)
    for name in dict.fromkeys(named):
        chain |= {**chain_of(model.tasks[name], model.tasks), name: model.tasks[name]}
    read = compile_tasks(chain.values(), tokenizer, max_length)
    prompts = encode_forms(known, rows, tokenizer, max_length, columns, read.forms)
    every = np.arange(len(prompts))
    asked = _reader(model, read)
    said = said_labels(asked, prompts, every, model.machine, tokenizer)
    return with_words(prompts, every, said), said


def refuse_mixed(forms: Sequence[Form]) -> None:
    """Refuse patterns whose prompts are more than token ids.

    Raises:
        PetMtlError: see there.
    """
    for form in forms:
        if any(part.mixed for part in form.said_parts):
            raise PetMtlError(
                f"`{form.task}` has `detach: false`: what it reads of another task is a mean of "
                "words, and slot states are kept for prompts of words alone",
                hint="score label words with `pet-mtl score --verbalizer`",
            )


def _reader(model: Model, compiled: Compiled) -> ClozeModel:
    """Return the model with the label words of the tasks that are read."""
    how = [model.tasks[form.task].aggregation for form in compiled.forms]
    causal = model.tokenizer.causal
    reader = CausalReader(model.backbone.mlm.config, compiled.words) if causal else None
    made = ClozeModel(model.backbone, compiled.words, how, reader=reader)
    return made.to(model.machine.device).eval()
