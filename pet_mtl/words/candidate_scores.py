"""Words that are no label words, or not yet, scored on rows by the scoring rule, from slot
states."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from pet_mtl.cloze.behind import slot_room
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.form import Form, compile_pattern
from pet_mtl.cloze.label_words import Words, tokenize_words
from pet_mtl.cloze.slot_numbers import slot_numbers
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.model.word_scores import piece_table, word_scores
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.task import TaskSpec
from pet_mtl.text import counted
from pet_mtl.words.behind import word_log_probs
from pet_mtl.words.read_tasks import encode_read
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model, SlotStates, compute_states, prompt_keys, reading

_WORDS_AT_A_TIME = 512  # their logits are in memory together


def score_candidates(
    model: Model,
    task: TaskSpec,
    rows: Rows,
    words: Sequence[str],
    max_length: int,
    cache: StateCache,
    on_step: Callable[[], None] = lambda: None,
) -> FloatArray:
    """Return `[F, C, N]` scores, mean log p over the pieces, of `C` words on `N` rows in the `F`
    patterns.

    Args:
        on_step: called after each batch; what it raises stops the model.

    Raises:
        PetMtlError: the longest word leaves the text no room.
    """
    forms, tables = compile_candidates(task, words, model.tokenizer)
    if min(form.room(max_length) for form in forms) < len(task.fields):
        raise PetMtlError(
            f"task `{task.name}`: {max_length} tokens leave no room for the text beside longer "
            "words",
            hint="raise `train.max_length` or shorten the prefix and the pattern",
        )
    prompts, _ = encode_read(model, forms, {task.name: rows}, max_length)
    if model.tokenizer.causal:
        return word_log_probs(model, prompts, tables)
    return np.stack(
        [
            _score_form(model, form, table, number, prompts, cache, on_step)
            for number, (form, table) in enumerate(zip(forms, tables, strict=True))
        ]
    )


def word_priors(scores: FloatArray) -> FloatArray:
    """Return the prior `[C]` of each word: its probability, averaged over rows (KPT's, Hu et al.
    2022).

    The probability is the geometric mean over pieces and patterns.
    """
    return np.asarray(np.exp(scores.mean(0)).mean(-1))


def compile_candidates(
    task: TaskSpec, words: Sequence[str], tokenizer: PieceTokenizer
) -> tuple[list[Form], list[Words]]:
    """Return the task's patterns with room for some words, and these words at each slot, in the
    prompts that the task's own words are read in; with `exact`, in one for each length."""
    forms, tables, labels = [], [], len(task.verbalizer.labels)
    own = [word for of_label in task.readings.words for word in of_label]
    for pattern in range(len(task.patterns)):
        parts, space = compile_pattern(task, pattern, tokenizer)
        numbers: tuple[int, ...] = ()
        if task.slots != "exact":
            lengths = [len(ids) for ids in tokenizer.encode(own, space_before=space)]
            numbers = slot_numbers(lengths, task.slots)
        table = tokenize_words(words, tokenizer, space_before=space, numbers=numbers)
        masks, behind = slot_room(table, tokenizer)
        # candidates are compared by the first window of each row
        read = "head" if task.long_text == "windows" else task.long_text
        form = Form(task.name, pattern, parts, masks, labels, behind=behind, long_text=read)
        forms.append(form)
        tables.append(table)
    return forms, tables


@torch.inference_mode()
def _score_form(
    model: Model,
    form: Form,
    words: Words,
    number: int,
    prompts: Prompts,
    cache: StateCache,
    on_step: Callable[[], None],
) -> FloatArray:
    items = np.flatnonzero(prompts.form == number)
    keys = prompt_keys(prompts, items)
    lengths = np.array([len(word) for word in words.pieces])
    scores = np.empty((len(lengths), len(items)), np.float32)
    for masks in words.lengths:

        def compute(missing: npt.NDArray[np.int64], masks: int = masks) -> SlotStates:
            with reading(f"{form.task}, {counted(masks, 'mask')}", len(missing)) as on_batch:

                def advance(rows: int) -> None:
                    on_step()
                    on_batch(rows)

                return compute_states(model, prompts, items[missing], masks, advance)

        slots = cache.read(form, keys, masks, compute)
        of_length = np.flatnonzero(lengths == masks)
        for start in range(0, len(of_length), _WORDS_AT_A_TIME):
            chosen = of_length[start : start + _WORDS_AT_A_TIME]
            part = Words(tuple(words.pieces[word] for word in chosen))
            scores[chosen] = _score_words(model, slots, part)
    return scores


def _score_words(model: Model, slots: SlotStates, words: Words) -> FloatArray:
    """Return the scores `[words, N]` of words of one length."""
    ids = torch.tensor(words.used, device=model.machine.device)
    found: FloatArray = word_scores(
        piece_table(words),
        lambda _: slots.piece_logits(model.backbone.head, ids),
        lambda _: slots.log_normalizer,
    ).T.numpy()
    return found
