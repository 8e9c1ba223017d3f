"""Label words of sets are judged as the task scores them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import toys
from sklearn.metrics import f1_score

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import build_kind, fitted_thresholds, kind_of
from pet_mtl.kinds.multi_label import MultiLabel
from pet_mtl.model.hardware import Machine
from pet_mtl.suite.kind import KindSpec
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model
from pet_mtl.words.suggest.run import _divided
from pet_mtl.words.suggest.search import search
from pet_mtl.words.suggest.set_judge import SetJudge
from pet_mtl.words.trial import Trial

WORDS = ((0, 1), (2,), (3, 4, 5))
NONE = (6,)
ROWS, FITTING = 40, 25


def make(*, none: bool = False, threshold: float | None = None, patterns: int = 2) -> SetJudge:
    """Eight words and three labels; thresholds, each its own, are fitted where none is given."""
    generator = np.random.default_rng(1)
    given = (threshold, threshold + 0.1, threshold - 0.1) if threshold else ()
    spec = KindSpec("multi_label", ("a", "b", "c"), none, given)
    return SetJudge(
        generator.normal(-4, 2, (patterns, 8, ROWS)).astype(np.float32),
        (generator.random((ROWS, 3)) < 0.4).astype(np.float32),
        FITTING,
        "max",
        calibrated=False,
        weights=(3.0, 1.0)[:patterns],
        kind=MultiLabel(spec),
        fits=threshold is None,
        none=(NONE,) if none else (),
    )


def slow_odds(judge: SetJudge) -> np.ndarray:
    """Return the log-odds `[N, K]` by the scoring rule, pattern by pattern and row by row."""
    out = np.zeros((ROWS, 3))
    for pattern, weight in zip(judge.scores.astype(float), judge.weights or (1,), strict=True):
        for row in range(ROWS):
            label = [max(pattern[word, row] for word in words) for words in WORDS]
            for number in range(3):
                others = np.logaddexp.reduce(label[:number] + label[number + 1 :])
                against = pattern[NONE[0], row] if judge.none else others
                out[row, number] += weight * (label[number] - against) / sum(judge.weights or ())
    return out


@pytest.mark.parametrize("none", [False, True])
@pytest.mark.parametrize("patterns", [1, 2])
def test_sets_follow_the_scoring_rule(none: bool, patterns: int) -> None:
    judge = make(none=none, threshold=0.3, patterns=patterns)
    found = judge.predict(judge.all_scores(WORDS))
    assert found.tolist() == (1 / (1 + np.exp(-slow_odds(judge))) >= [0.3, 0.4, 0.2]).tolist()
    assert 0 < found.sum() < found.size


@pytest.mark.parametrize("none", [False, True])
def test_thresholds_that_are_fitted_are_the_best_of_the_fitting_rows(none: bool) -> None:
    judge = make(none=none)
    odds, found = slow_odds(judge), judge.predict(judge.all_scores(WORDS))
    for label in range(3):
        gold = judge.gold[:, label] > 0
        chosen, left_out = odds[found[:, label], label], odds[~found[:, label], label]
        assert chosen.min() > left_out.max(initial=-np.inf)  # by one threshold
        f1 = f1_score(gold[:FITTING], found[:FITTING, label])
        for cut in odds[:FITTING, label]:
            assert f1_score(gold[:FITTING], odds[:FITTING, label] >= cut) <= f1 + 1e-12
    part = judge.fitting_part()
    np.testing.assert_array_equal(part.predict(part.all_scores(WORDS)), found[:FITTING])


@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize(("none", "threshold"), [(False, None), (True, None), (True, 0.3)])
def test_exchanging_the_words_of_one_label_of_sets(
    label: int, none: bool, threshold: float | None
) -> None:
    judge = make(none=none, threshold=threshold)
    scores, choices = judge.all_scores(WORDS), [(6,), (7, 6), (2, 7)]
    found = judge.macro_f1_with(scores, label, choices)
    each = judge.predict_with(scores, label, choices)
    for choice, value, after in zip(choices, found, each, strict=True):
        predicted = judge.predict(judge.all_scores((*WORDS[:label], choice, *WORDS[label + 1 :])))
        np.testing.assert_array_equal(after, predicted)
        expected = f1_score(judge.gold > 0, predicted, average="macro", zero_division=0)
        assert value == pytest.approx(expected)
    before, after = (judge.predict(each)[FITTING:] for each in (scores, scores[::-1]))
    gain, (low, high) = judge.held_out_gain(before, after, 3)
    gold = judge.gold[FITTING:] > 0
    of_before, of_after = (
        f1_score(gold, side, average="macro", zero_division=0) for side in (before, after)
    )
    assert gain == pytest.approx(of_after - of_before)
    assert low < high


@pytest.mark.parametrize("no", [(), ("Dab",)])
def test_the_words_of_sets_are_those_that_the_task_reads(
    no: tuple[str, ...], word_pieces: PieceTokenizer
) -> None:
    mlm = toys.build_mlm("bert", word_pieces.vocab_size)
    model = Model.of(mlm, word_pieces, Machine.choose("fp32", "eager", torch.device("cpu")))
    task = toys.make_task(
        ["{text}。{mask}", "{mask}：{text}"], {"x": ["good", "is"], "y": ["news"]}
    ).model_copy(update={"kind": "multi_label", "no": no})
    texts = [f"Dab dab BAD bad {letter * n}" for letter in "abcd" for n in range(1, 7)]
    sets = np.array([[n % 2, n % 3 == 0] for n in range(len(texts))], np.float32)
    rows = replace(Rows.of({"text": texts}, labels=[0] * len(texts)), targets=sets)
    cache = StateCache(None, "")
    found = search(model, task, rows, 12, max_length=60, calibrated=False, cache=cache)
    log_probs, kind = Trial(model, {"toy": rows}, 60, cache).log_probs(task), kind_of(task)
    if not no:
        fitted = fitted_thresholds(kind, sets[:12], log_probs[:12])
        kind = build_kind(KindSpec("multi_label", ("x", "y"), thresholds=fitted))
    judge = found.judge
    np.testing.assert_array_equal(
        judge.predict(judge.all_scores(found.own)), kind.decide(log_probs)
    )
    suggested = {found.candidates[word] for group in found.groups for word in group}
    assert not suggested & {"good", "is", "news", *no}
    assert set(found.methods) == {"petal", "neighbours"}


def test_a_set_that_all_rows_have_says_nothing() -> None:
    task = toys.make_task(["{text}。{mask}"], {"x": ["good"], "y": ["news"]}).model_copy(
        update={"kind": "multi_label"}
    )
    rows = Rows.of({"text": list("abcdefgh")}, labels=[0] * 8)
    sets = np.tile(np.float32([1, 0]), (8, 1))
    with pytest.raises(PetMtlError, match="missing in two or more"):
        _divided(replace(rows, targets=sets), task, 0)
    sets[::2] = 1
    assert _divided(replace(rows, targets=sets), task, 0)[1] == 4
