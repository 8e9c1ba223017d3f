"""Words tried against stored states score as `score` scores them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import toys

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring.log_probs import FloatArray, score_items, score_plans, task_log_probs
from pet_mtl.suite.levels import UpperWords
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.state_cache import StateCache, model_digest
from pet_mtl.words.states import Model
from pet_mtl.words.trial import Trial

EQUAL = {"x": ["好", "坏", "真"], "y": ["是"], "z": ["中", "国"]}
MIXED = {"x": ["好", "体育新闻"], "y": ["科技", "坏", "文化"], "z": ["真天气"], "w": ["中"]}
PATTERNS = ["这是{mask}：{a}", "{b}。{mask}？{a}"]
ROWS = Rows.of(
    {
        "a": ["good", "", "天气" * 30, "x [MASK] y", "good"],
        "b": ["中国", "b" * 9, "c" * 50, "", "中国"],
    }
)
LENGTH = 40


def make_model(tokenizer: PieceTokenizer, family: str = "bert") -> Model:
    mlm = toys.build_mlm(family, tokenizer.vocab_size)
    return Model.of(mlm, tokenizer, Machine.choose("fp32", "eager", torch.device("cpu")))


def scored(model: Model, task: TaskSpec) -> FloatArray:
    """Score as `pet-mtl score` does."""
    prompts = encode_suite({task.name: task}, {task.name: ROWS}, model.tokenizer, LENGTH)
    cloze = ClozeModel(
        model.backbone,
        compile_forms(task, model.tokenizer, LENGTH).words,
        [task.aggregation] * len(task.patterns),
    ).eval()
    items = score_items(
        cloze, prompts, score_plans(prompts, model.machine), model.machine, model.tokenizer
    )
    return task_log_probs(prompts, items)[task.name]


def make_trial(model: Model, place: Path | None = None) -> Trial:
    return Trial(model, {"toy": ROWS}, LENGTH, StateCache(place, model_digest(model)))


@pytest.mark.parametrize("how", ["mean", "max", "logsumexp"])
@pytest.mark.parametrize(
    ("words", "slots"), [(EQUAL, "exact"), (MIXED, "exact"), (MIXED, "shared"), (MIXED, 2)]
)
@pytest.mark.parametrize("family", ["bert", "mpnet"])  # a split head, and one that is not
def test_the_same_scores(
    word_pieces: PieceTokenizer,
    family: str,
    words: dict[str, list[str]],
    slots: str | int,
    how: str,
) -> None:
    model = make_model(word_pieces, family)
    task = toys.make_task(PATTERNS, words, prefix="分类：", aggregation=how, slots=slots)
    np.testing.assert_allclose(
        make_trial(model).log_probs(task), scored(model, task), rtol=1e-4, atol=2e-5
    )


def test_the_same_scores_word_after_word(word_pieces: PieceTokenizer) -> None:
    model = make_model(word_pieces)
    trial = make_trial(model)
    task = toys.make_task(PATTERNS, EQUAL)
    others = [
        toys.make_task(PATTERNS, words) for words in (MIXED, {"0": ["体育"], "1": ["不好"]}, EQUAL)
    ]
    for each in (task, *others):
        np.testing.assert_allclose(trial.log_probs(each), scored(model, each), rtol=1e-4, atol=2e-5)


def test_what_stands_above_the_labels_may_be_listed_in_another_order(
    word_pieces: PieceTokenizer,
) -> None:
    model = make_model(word_pieces)
    trial = make_trial(model)
    above = {"n": ("好",), "o": ("坏",)}
    for order in ("no", "on"):
        task = toys.make_task(
            PATTERNS,
            {"n/s": ["真"], "n/t": ["中"], "o/x": ["是"], "o/y": ["不"]},
            levels="by_level",
            above=UpperWords(
                labels=tuple(order), words=tuple(map(above.__getitem__, order)), lines=(5, 6)
            ),
        )
        np.testing.assert_allclose(trial.log_probs(task), scored(model, task), rtol=1e-4, atol=2e-5)


def test_patterns_count_by_the_weights_of_the_task_that_is_tried(
    word_pieces: PieceTokenizer,
) -> None:
    model = make_model(word_pieces)
    trial = make_trial(model)
    for weights in ([1, 1], [3, 1]):
        task = toys.make_task(PATTERNS, EQUAL, pattern_weights=weights)
        np.testing.assert_allclose(trial.log_probs(task), scored(model, task), rtol=1e-4, atol=2e-5)


def test_only_what_is_new_goes_through_the_model(word_pieces: PieceTokenizer) -> None:
    trial = make_trial(make_model(word_pieces))
    counts = []
    for words in (
        EQUAL,
        {"x": ["新"], "y": ["闻"]},
        {"x": ["新"], "y": ["科技"]},
        {"x": ["文化"], "y": ["科技"]},
    ):
        before = trial.computed
        trial.log_probs(toys.make_task(PATTERNS, words))
        counts.append(trial.computed - before)
    different = 4  # of 5 rows, the last repeats the first
    # the long row is cut by one more piece for a longer word: with one mask too, in both patterns
    cut = 1
    assert counts == [2 * different, 0, 2 * different + 2 * cut, 0]


def test_prepare_computes_nothing(word_pieces: PieceTokenizer) -> None:
    trial = make_trial(make_model(word_pieces))
    trial.prepare(toys.make_task(PATTERNS, MIXED))
    assert trial.computed == 0


def test_a_second_process_computes_nothing(word_pieces: PieceTokenizer, tmp_path: Path) -> None:
    model, task = make_model(word_pieces), toys.make_task(PATTERNS, MIXED)
    first = make_trial(model, tmp_path)
    wanted = first.log_probs(task)
    second = make_trial(make_model(word_pieces), tmp_path)
    np.testing.assert_array_equal(second.log_probs(task), wanted)
    assert (first.computed, second.computed) == (4 * 4 * 2, 0)  # texts, lengths, patterns
    other = make_trial(make_model(word_pieces, "ernie"), tmp_path)
    other.log_probs(task)
    assert other.computed == first.computed


def test_other_patterns_prefixes_and_lengths_are_computed(word_pieces: PieceTokenizer) -> None:
    model = make_model(word_pieces)
    cache = StateCache(None, model_digest(model))
    task = toys.make_task(PATTERNS[0], EQUAL)
    for changed, length in (
        (task, LENGTH),
        (replace_task(task, prefix="类"), LENGTH),
        (replace_task(task, patterns=("那是{mask}：{a}",)), LENGTH),
    ):
        trial = Trial(model, {"toy": ROWS}, length, cache)
        trial.log_probs(changed)
        assert trial.computed == 4
    shorter = Trial(model, {"toy": ROWS}, LENGTH - 4, cache)
    shorter.log_probs(task)
    assert shorter.computed == 1  # the row that is cut


def replace_task(task: TaskSpec, **more: object) -> TaskSpec:
    return task.model_copy(update=more)


def test_words_that_cannot_be_written(word_pieces: PieceTokenizer) -> None:
    trial = make_trial(make_model(word_pieces))
    with pytest.raises(PetMtlError, match="cannot write the label word"):
        trial.log_probs(toys.make_task(PATTERNS, {"x": ["好"], "y": ["龘"]}))


def test_bf16_states_are_kept_as_they_are(word_pieces: PieceTokenizer, tmp_path: Path) -> None:
    model = make_model(word_pieces)
    model = replace(model, machine=Machine.choose("bf16", "eager", torch.device("cpu")))
    task = toys.make_task(PATTERNS, MIXED)
    wanted = make_trial(model, tmp_path).log_probs(task)
    again = make_trial(model, tmp_path)
    np.testing.assert_array_equal(again.log_probs(task), wanted)
    assert again.computed == 0
    np.testing.assert_allclose(wanted, scored(model, task), atol=0.1)
