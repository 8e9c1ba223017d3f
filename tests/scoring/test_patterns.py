"""Averages over patterns and the scores of each, against loops."""

import numpy as np
import pytest
import torch
import toys

from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.metrics.classification import score_predictions
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.own_parts import OwnParts, build_own_parts
from pet_mtl.scoring.log_probs import pattern_log_probs, task_log_probs
from pet_mtl.scoring.patterns import PatternScores

WORDS = {"x": ["好"], "y": ["坏"], "z": ["中"]}
PATTERNS = ["{a}{mask}", "{mask}：{a}", "这是{mask}{a}"]
ROWS = Rows.of({"a": ["good", "", "天气", "x"]}, labels=[0, 1, 2, 0])


def prompts_of(weights: object, tokenizer: PieceTokenizer) -> Prompts:
    task = toys.make_task(PATTERNS, WORDS, pattern_weights=weights)
    return encode_suite({"toy": task}, {"toy": ROWS}, tokenizer, 32)


@pytest.mark.parametrize("weights", ["equal", [1, 1, 1], [3, 0, 0.5]])
def test_the_average_counts_patterns_by_their_weights(
    weights: object, word_pieces: PieceTokenizer
) -> None:
    prompts = prompts_of(weights, word_pieces)
    scores = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    scores -= np.logaddexp.reduce(scores, axis=-1, keepdims=True)
    each = pattern_log_probs(prompts, scores)["toy"]
    assert np.array_equal(each, scores.reshape(3, 4, 3))
    found = task_log_probs(prompts, scores)["toy"]
    assert found.dtype == np.float32
    numbers = [1, 1, 1] if weights == "equal" else weights
    for row in range(4):
        product = np.prod(
            [np.exp(each[p, row]) ** (w / sum(numbers)) for p, w in enumerate(numbers)], axis=0
        )  # type: ignore[arg-type,call-overload]
        np.testing.assert_allclose(np.exp(found[row]), product / product.sum(), rtol=1e-5)


def test_learned_factors_multiply_a_patterns_scores(word_pieces: PieceTokenizer) -> None:
    task = toys.make_task(PATTERNS, WORDS, pattern_weights="learned")
    compiled = compile_forms(task, word_pieces, 32)
    parts = build_own_parts(
        Backbone(toys.build_mlm("bert", word_pieces.vocab_size)), compiled, [task]
    )
    assert isinstance(parts, OwnParts)
    assert parts.factors["task_toy"].tolist() == [0.0, 0.0, 0.0]
    parts.factors["task_toy"].data[1] = np.log(2)
    scores = torch.tensor([[1.0, -2.0, 0.5]])
    torch.testing.assert_close(parts.scaled(1, scores), 2 * scores)
    assert torch.equal(parts.scaled(2, scores), scores)


def test_one_pattern_has_no_factor(word_pieces: PieceTokenizer) -> None:
    task = toys.make_task("{a}{mask}", WORDS, pattern_weights="learned")
    compiled = compile_forms(task, word_pieces, 32)
    assert (
        build_own_parts(Backbone(toys.build_mlm("bert", word_pieces.vocab_size)), compiled, [task])
        is None
    )


def test_the_spread_is_the_best_less_the_worst() -> None:
    gold = np.array([0, 0, 1, 1])
    scores = [
        score_predictions(gold, np.array(p), ("x", "y"))
        for p in ([0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1])
    ]
    found = PatternScores(("a", "b", "c"), tuple(scores)).to_json()
    assert [one["accuracy"] for one in found["each"]] == [1.0, 0.75, 0.5]
    assert [one["pattern"] for one in found["each"]] == ["a", "b", "c"]
    assert found["spread"]["accuracy"] == 0.5
    assert found["spread"]["macro_f1"] == pytest.approx(1 - 1 / 3)
