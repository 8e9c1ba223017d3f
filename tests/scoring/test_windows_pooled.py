"""Rows of several windows scored, against each window scored as a row of its own."""

import math

import numpy as np
import pytest
import torch
import toys

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.form import compile_tasks
from pet_mtl.data.rows import Rows
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring.log_probs import FloatArray, score_prompts
from pet_mtl.suite.task import TaskSpec

DRAW = np.random.default_rng(4)
LENGTHS = [3, 60, 12, 40, 9, 33, 0]
TEXTS = ["".join(DRAW.choice(list(toys.CHINESE), length)) for length in LENGTHS]
TOKENIZER = toys.piece_tokenizer("wordpiece")
MAX = 20
PATTERN = "新闻{text}是{mask}的"


def scored(task: TaskSpec, texts: list[str]) -> FloatArray:
    """Return the log-probabilities of one always the same model."""
    torch.manual_seed(0)
    mlm = toys.build_mlm("bert", TOKENIZER.vocab_size)
    compiled = compile_tasks([task], TOKENIZER, MAX)
    model = ClozeModel(Backbone(mlm), compiled.words, ["mean"] * len(compiled.words)).eval()
    prompts = encode_suite({task.name: task}, {task.name: Rows.of({"text": texts})}, TOKENIZER, MAX)
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    return score_prompts(model, prompts, machine, TOKENIZER)[task.name]


def spec(**keys: object) -> TaskSpec:
    words = {"0": ["好"], "1": ["坏"], "2": ["天气"]}
    return toys.make_task([PATTERN, "{mask}。{text}"], words).model_copy(update=keys)


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_each_window_as_a_row_of_its_own(pooling: str) -> None:
    """One pattern: pool by the formula, a label at a time."""
    task = spec(patterns=(PATTERN,), long_text="windows", long_text_pooling=pooling)
    found = scored(task, TEXTS)
    room = compile_tasks([task], TOKENIZER, MAX).forms[0].room(MAX)
    plain = spec(patterns=(PATTERN,))
    for row, text in enumerate(TEXTS):
        count = max(1, math.ceil(len(text) / room))
        starts = [k * (len(text) - room) // (count - 1) for k in range(count)] if count > 1 else [0]
        windows = scored(plain, [text[start : start + room] for start in starts]).astype(float)
        pooled = [
            sum(line) / count if pooling == "mean" else max(line) for line in windows.T.tolist()
        ]
        wanted = np.array(pooled) - math.log(sum(map(math.exp, pooled)))
        assert found[row] == pytest.approx(wanted, abs=2e-5), row


def test_patterns_are_averaged_over_their_pooled_windows() -> None:
    found = scored(spec(long_text="windows"), TEXTS)
    each = [scored(spec(patterns=(p,), long_text="windows"), TEXTS) for p in spec().patterns]
    mean = np.mean(each, axis=0)
    wanted = mean - np.logaddexp.reduce(mean, axis=-1, keepdims=True)
    assert found == pytest.approx(wanted, abs=2e-5)


def test_rows_of_one_window_score_as_before_to_the_bit() -> None:
    short = [text for text in TEXTS if len(text) < 10]
    for pooling in ("mean", "max"):
        task = spec(long_text="windows", long_text_pooling=pooling)
        assert np.array_equal(scored(task, short), scored(spec(), short))


def test_windows_say_something_else_than_the_head() -> None:
    long = [text for text in TEXTS if len(text) > 30]
    assert not np.allclose(scored(spec(long_text="windows"), long), scored(spec(), long))
    assert not np.allclose(scored(spec(long_text="head_tail"), long), scored(spec(), long))
