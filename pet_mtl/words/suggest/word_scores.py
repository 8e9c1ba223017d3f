"""All candidate words scored on all rows by the scoring rule, from slot states."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.form import Form, compile_pattern
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.console import Bar
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.model.word_scores import word_scores, word_table
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model, SlotStates, compute_states, prompt_keys

_WORDS_AT_A_TIME = 512  # their logits are in memory together


def score_candidates(
    model: Model,
    task: TaskSpec,
    rows: Rows,
    words: Sequence[str],
    max_length: int,
    cache: StateCache,
) -> FloatArray:
    """Return `[F, C, N]` scores, mean log p over the pieces, of `C` words on `N` rows in the `F`
    patterns.

    Raises:
        PetMtlError: the longest word leaves the text no room.
    """
    forms = [_form(task, pattern, words, model) for pattern in range(len(task.patterns))]
    if min(max_length - form.constant_length - form.words.lengths[-1] for form in forms) < len(
        task.fields
    ):
        raise PetMtlError(
            (
                f"task `{task.name}`: {max_length} tokens leave no room for the text beside longer "
                "words"
            ),
            hint="raise `train.max_length` or shorten the prefix and the pattern",
        )
    prompts = encode_forms(forms, {task.name: rows}, model.tokenizer, max_length)
    return np.stack(
        [_score_form(model, form, number, prompts, cache) for number, form in enumerate(forms)]
    )


def word_priors(scores: FloatArray) -> FloatArray:
    """Return the prior `[C]` of each word: its probability, averaged over rows (KPT's, Hu et al.
    2022).

    The probability is the geometric mean over pieces and patterns.
    """
    return np.asarray(np.exp(scores.mean(0)).mean(-1))


def _form(task: TaskSpec, pattern: int, words: Sequence[str], model: Model) -> Form:
    """Compile a pattern whose label words are the candidates, a label each."""
    parts, space_before = compile_pattern(task, pattern, model.tokenizer)
    pieces = [tuple(ids) for ids in model.tokenizer.encode(words, space_before=space_before)]
    if task.slots == "shared":
        longest = max(map(len, pieces))
        pieces = [word + (model.tokenizer.pad_id,) * (longest - len(word)) for word in pieces]
    return Form(
        task.name, pattern, LabelWords(tuple(pieces), tuple(range(len(words))), len(words)), parts
    )


@torch.inference_mode()
def _score_form(
    model: Model, form: Form, number: int, prompts: Prompts, cache: StateCache
) -> FloatArray:
    items = np.flatnonzero(prompts.form == number)
    keys = prompt_keys(prompts, items)
    lengths = np.array([len(word) for word in form.words.pieces])
    scores = np.empty((len(lengths), len(items)), np.float32)
    for masks in form.words.lengths:

        def compute(missing: npt.NDArray[np.int64], masks: int = masks) -> SlotStates:
            bar = Bar(
                (f"reading {form.task}, {masks} {'mask' if masks == 1 else 'masks'}"), len(missing)
            )
            try:
                return compute_states(model, prompts, items[missing], masks, bar.advance)
            finally:
                bar.close()

        slots = cache.read(form, keys, masks, compute)
        of_length = np.flatnonzero(lengths == masks)
        for start in range(0, len(of_length), _WORDS_AT_A_TIME):
            chosen = of_length[start : start + _WORDS_AT_A_TIME]
            scores[chosen] = _score_words(
                model, slots, [form.words.pieces[word] for word in chosen]
            )
    return scores


def _score_words(model: Model, slots: SlotStates, pieces: Sequence[tuple[int, ...]]) -> FloatArray:
    """Return the scores `[words, N]` of words of one length."""
    used = sorted({piece for word in pieces for piece in word})
    words = LabelWords(tuple(pieces), tuple(range(len(pieces))), len(pieces))
    table = word_table(words, {piece: column for column, piece in enumerate(used)})
    ids = torch.tensor(used, device=model.machine.device)
    found: FloatArray = word_scores(
        table,
        lambda _: slots.piece_logits(model.backbone.head, ids),
        lambda _: slots.log_normalizer,
    ).T.numpy()
    return found
