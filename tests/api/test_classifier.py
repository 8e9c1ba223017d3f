"""`PetClassifier`, by its own tests and by scikit-learn's."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data

import pet_mtl
from pet_mtl import PetClassifier
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.checkpoint import read_checkpoint

TEXTS = ["好天气", "坏天气", "新闻好", "新闻坏", "好的", "坏的"] * 4
LABELS = ["up", "down"] * 12
FAST = {"max_steps": 3, "precision": "fp32", "batch_tokens": 120, "max_length": 32}

# Checks of scikit-learn that mean nothing for texts:
NOT_FOR_TEXT = {
    "check_array_api_input",  # other array libraries: texts are no arrays
}


class OfNumbers(PetClassifier):  # type: ignore[misc]
    """Rows of numbers, written as texts: what scikit-learn's checks give."""

    def fit(self, X: Any, y: Any) -> "OfNumbers":  # noqa: N803
        X, y = validate_data(self, X, y)  # noqa: N806
        super().fit(self._written(X), y)
        return self

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        check_is_fitted(self)
        return super().predict_proba(self._written(validate_data(self, X, reset=False)))

    def _written(self, rows: Any) -> list[str]:
        return [" ".join(f"{value:.0f}" for value in row) for row in rows]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = True, False
        tags.input_tags.one_d_array = False
        tags.classifier_tags.poor_score = True  # three steps of a model of random weights
        return tags


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_checks_of_scikit_learn(backbone: Path) -> None:
    estimator = OfNumbers(model=str(backbone), settings={**FAST, "max_steps": 1})
    failed, done = {}, 0
    for one, check in estimator_checks_generator(estimator):
        name = getattr(check, "func", check).__name__
        if name in NOT_FOR_TEXT:
            continue
        done += 1
        try:
            check(one)
        except Exception as error:
            failed[name] = error
    assert failed == {}
    assert done > 45


@pytest.fixture(scope="module")
def fitted(backbone: Path) -> PetClassifier:
    classifier = PetClassifier({"up": "好", "down": "坏"}, model=str(backbone), settings=FAST)
    return classifier.fit(TEXTS, LABELS)


def test_predictions(fitted: PetClassifier) -> None:
    assert fitted.classes_.tolist() == ["down", "up"]
    probabilities = fitted.predict_proba(TEXTS)
    assert probabilities.sum(-1) == pytest.approx(np.ones(24))
    assert (fitted.predict(TEXTS) == fitted.classes_[probabilities.argmax(-1)]).all()
    assert fitted.score(TEXTS, LABELS) == np.mean(fitted.predict(TEXTS) == np.array(LABELS))


def test_kinds_of_input(fitted: PetClassifier) -> None:
    import pandas as pd

    known = fitted.predict_proba(TEXTS)
    for rows in (pd.Series(TEXTS), np.array(TEXTS), iter(TEXTS), [(text,) for text in TEXTS]):
        np.testing.assert_array_equal(fitted.predict_proba(rows), known)


def test_it_survives_pickling_and_saving(fitted: PetClassifier, tmp_path: Path) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    model = pet_mtl.load(fitted.save(tmp_path / "kept"))
    assert [one.label for one in model.predict(TEXTS)] == fitted.predict(TEXTS).tolist()
    with pytest.raises(PetMtlError, match="the output folder is not empty") as caught:
        fitted.save(tmp_path / "kept")
    assert "--out" not in str(caught.value)


def test_a_seed_may_be_drawn(backbone: Path) -> None:
    """By numpy's global state, as scikit-learn draws it."""
    seeds = []
    for number in (1, 2, 1):
        np.random.seed(number)
        one = PetClassifier(model=str(backbone), settings=FAST, random_state=None)
        seeds.append(read_checkpoint(Path(one.fit(TEXTS, LABELS).checkpoint_)).suite.train.seed)
    assert seeds[0] == seeds[2] != seeds[1]


def test_numbers_are_labels_and_words_are_found(backbone: Path) -> None:
    labels = [1 if label == "up" else 0 for label in LABELS]
    words = {0: "坏", 1: "好"}
    classifier = PetClassifier(words, model=str(backbone), settings=FAST, dev=0.3)
    assert set(classifier.fit(TEXTS, labels).predict(TEXTS)) <= {0, 1}
    assert classifier.run_ is not None
    assert classifier.run_.scores["task"].examples > 0
    by_names = PetClassifier(model=str(backbone), settings=FAST)
    names = [words[label] for label in labels]
    assert by_names.fit(TEXTS, names).words_ == {"坏": "坏", "好": "好"}


@pytest.mark.parametrize("number", [int, str])
def test_labels_have_the_type_of_the_targets(backbone: Path, number: Any) -> None:
    other = str if number is int else int
    targets = [
        number(label == "up") if number is int else str(int(label == "up")) for label in LABELS
    ]
    words = {other(1): "好", other(0): "坏"}
    classifier = PetClassifier(words, model=str(backbone), settings=FAST).fit(TEXTS, targets)
    assert {type(label) for label in classifier.predict(TEXTS).tolist()} == {number}
    assert 0 <= classifier.score(TEXTS, targets) <= 1


def test_truth_values_are_labels_whatever_the_words_are_given_for(
    backbone: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("true 好\nfalse 坏\n", encoding="utf-8")
    targets = [label == "up" for label in LABELS]
    for words in (
        {"labels": {"true": "好", "false": "坏"}},
        {"verbalizer": tmp_path / "words.txt"},
    ):
        classifier = PetClassifier(**words, model=backbone, settings=FAST | {"max_steps": 1})
        assert classifier.fit(TEXTS, targets).classes_.tolist() == [False, True]


def test_labels_from_anywhere(backbone: Path) -> None:
    import pandas as pd

    classifier = PetClassifier(model=str(backbone), settings=FAST | {"max_steps": 1})
    assert classifier.fit(iter(TEXTS), iter(LABELS)).classes_.tolist() == ["down", "up"]
    with pytest.warns(DataConversionWarning):
        classifier.fit(TEXTS, pd.DataFrame({"mood": LABELS}))
    missing = pd.Series([*LABELS[:3], None, *LABELS[4:]])  # which numpy writes as `nan`
    for labels in (missing, missing.astype("string"), missing.map({"up": 1, "down": 0})):
        with pytest.raises(PetMtlError, match=r"y\[3\] is missing"):
            classifier.fit(TEXTS, labels)


def test_a_grid_may_hold_numbers_of_numpy(backbone: Path) -> None:
    grid = {"random_state": np.arange(2), "batch_tokens": np.array([120]), "slots": [np.int64(2)]}
    classifier = PetClassifier(
        {"up": "好", "down": "坏"}, model=str(backbone), settings=FAST | {"max_steps": np.int64(1)}
    )
    search = GridSearchCV(classifier, grid, cv=2, error_score="raise").fit(TEXTS, LABELS)
    assert search.best_params_["batch_tokens"] == 120


def test_labels_that_scikit_learn_numbers(backbone: Path) -> None:
    settings = FAST | {"max_steps": 1}
    named = PetClassifier({"up": "好", "down": "坏"}, model=str(backbone), settings=settings)
    with pytest.raises(PetMtlError, match=r"numbers the labels.*give numbers from 0 in both"):
        cross_val_predict(named, TEXTS, LABELS, cv=2, method="predict_proba")
    numbered = PetClassifier({0: "坏", 1: "好"}, model=str(backbone), settings=settings)
    numbers = [int(label == "up") for label in LABELS]
    found = cross_val_predict(numbered, TEXTS, numbers, cv=2, method="predict_proba")
    half, rest = TEXTS[12:], TEXTS[:12]  # cv=2 holds the first half out first
    wanted = named.fit(half, LABELS[12:]).predict_proba(rest)
    np.testing.assert_allclose(found[:12], wanted, atol=1e-6)


def test_pairs_and_mappings(backbone: Path) -> None:
    pairs = [(text, text) for text in TEXTS]
    words = {"up": "好", "down": "坏"}
    one = PetClassifier(words, model=str(backbone), settings=FAST).fit(pairs, LABELS)
    rows = [{"Question 1": a, "Answer": b} for a, b in pairs]
    two = PetClassifier(words, model=str(backbone), settings=FAST).fit(rows, LABELS)
    np.testing.assert_allclose(one.predict_proba(pairs), two.predict_proba(rows), atol=1e-6)


def test_a_pair_is_read_by_the_names_of_its_columns(backbone: Path) -> None:
    pairs = [(text, "好" + text[::-1]) for text in TEXTS]
    words = {"up": "好", "down": "坏"}
    one, two = (PetClassifier(words, model=str(backbone), settings=FAST) for _ in range(2))
    names = ("premise", "hypothesis")
    rows = [dict(zip(names, pair, strict=True)) for pair in pairs]
    turned = [dict(reversed(row.items())) for row in rows]
    wanted = one.fit(rows, LABELS).predict_proba(rows)
    np.testing.assert_allclose(two.fit(turned, LABELS).predict_proba(rows), wanted, atol=1e-6)
    # tuples are in the order of the rows that were learned from
    as_learned = [tuple(row.values()) for row in turned]
    np.testing.assert_allclose(two.predict_proba(as_learned), wanted, atol=1e-6)


def test_a_column_that_is_called_as_a_field_is_none(backbone: Path) -> None:
    rows = [{"Review Text": text} for text in TEXTS]
    model = PetClassifier(labels={"up": "好", "down": "坏"}, model=str(backbone), settings=FAST)
    model.fit(rows, LABELS)
    wanted = model.predict_proba(rows)
    beside = {"review_text": "不是新闻"}  # the field's name; another column has it
    for both in ([row | beside for row in rows], [beside | row for row in rows]):
        assert np.allclose(model.predict_proba(both), wanted, atol=1e-6)
    assert not np.allclose(model.predict_proba([beside] * len(rows)), wanted, atol=1e-3)


def test_a_fit_that_fails_changes_nothing(backbone: Path) -> None:
    words = {"up": "好", "down": "坏"}
    classifier = PetClassifier(words, model=str(backbone), settings=FAST)
    wrong = [*LABELS[:-1], "left"]
    with pytest.raises(PetMtlError, match="no label word"):
        classifier.fit(TEXTS, wrong)
    with pytest.raises(PetMtlError, match="same label words"):
        classifier.set_params(labels=dict.fromkeys(words, "好")).fit(TEXTS, LABELS)
    with pytest.raises(NotFittedError):
        classifier.predict(TEXTS)
    rows = [{"Question 1": text, "Answer": text[::-1]} for text in TEXTS]
    before = classifier.set_params(labels=words).fit(rows, LABELS).predict_proba(rows)
    with pytest.raises(PetMtlError, match="same label words"):
        classifier.set_params(labels=dict.fromkeys(words, "好")).fit(
            [{"Q": text} for text in TEXTS], LABELS
        )
    assert classifier.predict_proba(rows).tolist() == before.tolist()


def test_parameters(backbone: Path) -> None:
    classifier = PetClassifier({"up": "好"}, pattern="{mask}{text}", epochs=2)
    again = clone(classifier)
    assert again.get_params() == classifier.get_params()
    assert again.set_params(epochs=4).epochs == 4
    assert make_pipeline(classifier).get_params()["petclassifier__epochs"] == 2
    with pytest.raises(NotFittedError):
        classifier.predict(["好"])


def test_word_lengths_are_read_as_init_chooses(backbone: Path) -> None:
    def slots_of(last: Any, **more: Any) -> str | int:
        words = {"up": "好", "down": last}
        classifier = PetClassifier(
            words, model=str(backbone), settings=FAST | {"max_steps": 1}, **more
        )
        predictor = classifier.fit([text * 6 for text in TEXTS], LABELS)._predictor
        return predictor._loaded.suite.tasks["task"].slots

    assert slots_of("坏") == "exact"
    assert slots_of(["坏", "坏天", "坏天气"]) == 2  # three lengths cost more than twice one prompt
    assert slots_of(["坏", "坏天", "坏天气"], slots="exact") == "exact"


@pytest.mark.parametrize(
    ("change", "labels", "message"),
    [
        ({"labels": {"up": "好", "left": "坏"}}, LABELS, "the label 'down' has no label word"),
        ({"labels": {"up": "好"}}, LABELS, "the label 'down' has no label word\n.*has 'up'$"),
        ({}, None, "`y` is no list of labels, found NoneType"),
        ({}, "updown", "`y` is no list of labels, found str"),
        ({"labels": {"up": "好", "down": "坏"}, "verbalizer": "x"}, LABELS, "both given"),
        ({"pattern": "{mask}{other}{text}"}, LABELS, "gives no text for the field `other`"),
        ({"dev": 1.0}, LABELS, "a share above 0 and below 1, found 1.0"),
        ({"dev": 0}, LABELS, "a share above 0 and below 1, found 0"),
        ({"dev": float("nan")}, LABELS, "a share above 0 and below 1, found nan"),
        ({"prefix": None}, LABELS, "`prefix` must be text, found NoneType"),
        ({"settings": [1]}, LABELS, "`settings` must be keys and values, found list"),
        ({"pattern": 5}, LABELS, "`patterns` must be a text or a list of texts, found 5"),
        ({"labels": {}}, LABELS, "the label 'down' has no label word\n.*`labels` has none$"),
        ({"labels": ["up", "down"]}, LABELS, "`labels` is no mapping, found list"),
        ({"labels": {1: "好", "1": "坏"}}, [1, 1] * 12, "`labels` has the label '1' twice"),
        ({"pattern": "{mask}"}, LABELS, "the pattern holds no field"),
        ({"pattern": []}, LABELS, "the pattern holds no field"),
        ({"random_state": object()}, LABELS, "`train.seed` must be a whole number"),
        ({}, [None, *LABELS[1:]], r"y\[0\] is missing"),
        ({}, [*LABELS[:-1], float("nan")], r"y\[23\] is missing"),
        ({}, [["up"], *[["up", "down"]] * 23], "pet_mtl.train` learns sets"),
    ],
)
def test_wrong_use(backbone: Path, change: Any, labels: Any, message: str) -> None:
    with pytest.raises(PetMtlError, match=message):
        PetClassifier(model=str(backbone), **{"settings": FAST} | change).fit(TEXTS, labels)
    for words in (None, {"up": "好", "down": "坏"}):
        with pytest.raises(ValueError, match="one class"):
            PetClassifier(words, model=str(backbone)).fit(TEXTS, ["up"] * 24)
    with pytest.raises(PetMtlError, match="there are no rows to learn from"):
        PetClassifier(model=str(backbone)).fit([], [])
    for empty in ((), {}):
        with pytest.raises(PetMtlError, match="the first row holds no text"):
            PetClassifier(model=str(backbone)).fit([empty, empty], ["up", "down"])
