import numpy as np
import pytest
from sklearn.metrics import f1_score

from pet_mtl.console import Bar
from pet_mtl.words.suggest.automatic import automatic_scores
from pet_mtl.words.suggest.judge import Judge
from pet_mtl.words.suggest.propose import LEAST_GAIN, propose
from pet_mtl.words.suggest.rank import PER_METHOD, changed, rank

OWN = ((0,), (1,))


def make() -> Judge:
    """Eight words, two labels: 0 and 1 know little, 2 and 3 tell them apart, 4 misleads."""
    generator = np.random.default_rng(0)
    gold = np.tile([0, 1], 60)
    scores = generator.normal(-4, 1, (1, 8, 120)).astype(np.float32)
    scores[0, 2, gold == 0] += 6
    scores[0, 3, gold == 1] += 6
    scores[0, 4, gold == 1] += 6
    return Judge(scores, gold, 70, "mean", False)


def methods() -> dict[str, np.ndarray]:
    by_number = np.tile(np.arange(8, 0, -1, dtype=np.float32), (2, 1))
    return {
        "first": by_number,
        "second": np.where(np.arange(8) == 2, 0, -np.inf)[None].repeat(2, 0),
    }


def test_changes_keep_the_other_labels() -> None:
    assert changed(OWN, 0, 5, "add") == ((0, 5), (1,))
    assert changed(OWN, 1, 5, "replace") == ((0,), (5,))


def test_the_best_word_comes_first_with_what_it_gains_on_held_out_rows() -> None:
    judge = make()
    ranked = rank(judge, OWN, methods(), [[2, 3, 4, 5], [6, 7]], most=3)
    assert [len(of_label) for of_label in ranked] == [3, 3]
    for label, (word, misleading) in enumerate([(2, 3), (3, 2)]):
        best = ranked[label][0]
        assert best.word == word
        before, after = (
            judge.predict(judge.all_scores(words))[70:]
            for words in (OWN, changed(OWN, label, best.word, best.change))
        )
        gold = judge.gold[70:]
        expected = f1_score(gold, after, average="macro") - f1_score(gold, before, average="macro")
        assert np.isclose(best.gain, expected)
        assert best.interval[0] < best.gain < best.interval[1]
        gains = [each.fitting_gain for each in ranked[label]]
        assert gains == sorted(gains, reverse=True)
        assert misleading not in [each.word for each in ranked[label]]
    assert ranked[0][0].methods == {"first": 1, "second": 1}
    assert PER_METHOD >= 4  # all of the groups above


def test_the_held_out_rows_decide_nothing() -> None:
    judge = make()
    other = Judge(judge.scores.copy(), judge.gold.copy(), 70, "mean", False)
    other.scores[..., 70:] = 0
    other.gold[70:] = 0
    names = [
        [[(each.word, each.change, each.fitting_gain) for each in of_label] for of_label in found]
        for found in (rank(one, OWN, methods(), [range(2, 8)], 4) for one in (judge, other))
    ]
    assert names[0] == names[1]


def test_the_proposal_goes_on_while_the_fitting_rows_gain() -> None:
    judge = make().fitting_part()
    ranked = rank(make(), OWN, methods(), [range(2, 8)], 6)
    words = propose(judge, OWN, ranked)
    assert 2 in words[0]
    assert 3 in words[1]
    flat = [word for of_label in words for word in of_label]
    assert len(set(flat)) == len(flat)
    reached = judge.macro_f1(judge.all_scores(words))
    assert reached > judge.macro_f1(judge.all_scores(OWN)) + LEAST_GAIN
    for label, suggestions in enumerate(ranked):
        for each in suggestions:
            for change in ("add", "replace"):
                if each.word not in flat:
                    more = judge.macro_f1(
                        judge.all_scores(changed(words, label, each.word, change))
                    )  # type: ignore[arg-type]
                    assert more < reached + LEAST_GAIN


def test_without_suggestions_nothing_changes() -> None:
    assert propose(make().fitting_part(), OWN, [[], []]) == OWN


def test_the_proposal_adds_words_up_to_a_number() -> None:
    ranked = rank(make(), OWN, methods(), [range(2, 8)], 6)
    words = propose(make().fitting_part(), OWN, ranked, most=1)
    assert [len(of_label) for of_label in words] == [1, 1]
    assert words != OWN


def test_without_held_out_rows_gains_on_them_are_unknown() -> None:
    ranked = rank(make().fitting_part(), OWN, methods(), [range(2, 8)], 6)
    with_some = rank(make(), OWN, methods(), [range(2, 8)], 6)
    for found, wanted in zip(ranked, with_some, strict=True):
        assert [(each.word, each.fitting_gain) for each in found] == [
            (w.word, w.fitting_gain) for w in wanted
        ]
        assert all(np.isnan(each.gain) for each in found)


def test_each_step_of_the_search_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Bar, "_LINE_EVERY", -1.0)
    caplog.set_level("INFO", "pet_mtl")
    judge = make()
    automatic_scores(judge.fitting_part(), [0, 1], [range(8)] * 2)
    ranked = rank(judge, OWN, methods(), [range(2, 8)], 6)
    propose(judge.fitting_part(), OWN, ranked)
    told = [record.getMessage().partition("  ")[0] for record in caplog.records]
    assert "searching label words 1/8" in told
    assert told[told.index("judging suggestions 1/2") :][:2] == [
        "judging suggestions 1/2",
        "judging suggestions 2/2",
    ]
    assert "changing label words 2/2" in told
    assert "changing label words 3/4" in told  # a change was made, so all labels are gone through
