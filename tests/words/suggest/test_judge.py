from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score

from pet_mtl.model.calibration import calibration_from
from pet_mtl.words.suggest.judge import Judge

WORDS = ((0, 1), (2,), (3, 4, 5))


def make(calibrated: bool = False, aggregation: str = "mean", patterns: int = 2) -> Judge:
    generator = np.random.default_rng(1)
    scores = generator.normal(-4, 2, (patterns, 8, 40)).astype(np.float32)
    return Judge(scores, generator.integers(0, 3, 40), 25, aggregation, calibrated)


def slow_log_probs(judge: Judge) -> np.ndarray:
    """Score the labels by the scoring rule, pattern by pattern and row by row."""
    combine = {"mean": np.mean, "max": np.max, "logsumexp": np.logaddexp.reduce}[judge.aggregation]
    out = np.zeros((40, 3))
    for pattern in judge.scores.astype(float):
        for row in range(40):
            label = np.array([combine([pattern[word, row] for word in words]) for words in WORDS])
            out[row] += (label - np.logaddexp.reduce(label)) / len(judge.scores)
    return out - np.logaddexp.reduce(out, axis=-1, keepdims=True)


@pytest.mark.parametrize("patterns", [1, 2])
@pytest.mark.parametrize("aggregation", ["mean", "max", "logsumexp"])
def test_predictions_follow_the_scoring_rule(aggregation: str, patterns: int) -> None:
    judge = make(False, aggregation, patterns)
    assert (
        judge.predict(judge.all_scores(WORDS)).tolist() == slow_log_probs(judge).argmax(-1).tolist()
    )


def test_the_calibration_is_the_prior_of_the_fitting_rows() -> None:
    judge = make(True)
    log_probs = slow_log_probs(judge).astype(np.float32)
    expected = calibration_from("prior", log_probs[:25]).apply(log_probs).argmax(-1)
    found = judge.predict(judge.all_scores(WORDS))
    assert found.tolist() == expected.tolist()
    assert found.tolist() != log_probs.argmax(-1).tolist()


@pytest.mark.parametrize("calibrated", [False, True])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_exchanging_the_words_of_one_label(label: int, calibrated: bool) -> None:
    judge = make(calibrated)
    # one of another label's words too: with it alone, both labels score alike
    choices = [(6,), (7, 6), (2, 7), (2,)]
    found = judge.macro_f1_with(judge.all_scores(WORDS), label, choices)
    for choice, value in zip(choices, found, strict=True):
        words = (*WORDS[:label], choice, *WORDS[label + 1 :])
        predicted = judge.predict(judge.all_scores(words))
        assert value == pytest.approx(f1_score(judge.gold, predicted, average="macro"))


@pytest.mark.parametrize("calibrated", [False, True])
def test_of_many_labels_each_row_has_few_rivals(calibrated: bool) -> None:
    generator = np.random.default_rng(3)
    bases = generator.normal(-4, 3, (1, 60, 1))
    # whole numbers: many labels are as likely as each other
    scores = np.round(bases + generator.normal(0, 2, (1, 60, 200))).astype(np.float32)
    judge = Judge(scores, generator.integers(0, 40, 200), 150, "mean", calibrated)
    words = tuple((word,) for word in range(40))
    choices = [(word,) for word in range(40, 60)]
    found = judge.predict_with(judge.all_scores(words), 7, choices)
    for choice, predicted in zip(choices, found, strict=True):
        changed = judge.all_scores((*words[:7], choice, *words[8:]))
        if calibrated:
            # equals but for rounding
            log_probs = changed - np.logaddexp.reduce(changed, -1, keepdims=True)
            changed = log_probs - np.logaddexp.reduce(log_probs[:150], 0)
            highest = changed.max(-1)
            np.testing.assert_allclose(changed[np.arange(200), predicted], highest, atol=1e-4)
        else:
            assert predicted.tolist() == judge.predict(changed).tolist()


def test_words_that_take_nearly_all_of_every_row() -> None:
    judge = make(True)
    judge.scores[:, 6] = 300  # float32 has no number for what is left to the other labels
    predicted = judge.predict(judge.all_scores((WORDS[0], (6,), WORDS[2])))
    expected = pytest.approx(f1_score(judge.gold, predicted, average="macro"))
    assert judge.macro_f1_with(judge.all_scores(WORDS), 1, [(6,)])[0] == expected


@pytest.mark.parametrize("calibrated", [False, True])
def test_words_that_are_tried_need_no_prediction_of_every_label(
    calibrated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = make(calibrated)
    scores = judge.all_scores(WORDS)
    expected = judge.macro_f1(scores)

    def predict(*_: object) -> None:
        raise AssertionError("400 labels, and as many words for each, take hours this way")

    monkeypatch.setattr(Judge, "predict", predict)
    assert judge.macro_f1_with(scores, 1, [WORDS[1]])[0] == expected


def test_the_fitting_part_knows_nothing_of_the_rest() -> None:
    judge = make(True)
    part = judge.fitting_part()
    assert part.scores.shape == (2, 8, 25)
    np.testing.assert_array_equal(
        part.predict(part.all_scores(WORDS)), judge.predict(judge.all_scores(WORDS))[:25]
    )


def test_patterns_count_by_their_weights() -> None:
    judge = make()
    first, both = replace(judge, scores=judge.scores[:1]), replace(judge, weights=(1.0, 1.0))
    one = replace(judge, weights=(1.0, 0.0))
    equal, of_first, of_both, of_one = (
        of.predict(of.all_scores(WORDS)).tolist() for of in (judge, first, both, one)
    )
    assert of_one == of_first
    assert of_both == equal
    assert of_one != equal
    assert one.fitting_part().weights == (1.0, 0.0)
