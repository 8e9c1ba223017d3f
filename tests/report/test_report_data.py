import numpy as np
import pytest

from pet_mtl.metrics.classification import score_predictions
from pet_mtl.report import build
from pet_mtl.report.data import Example, TaskCurves, TaskReport, worst_confusions

LABELS = ["100", "101", "102"]
#                     0  1  2  3  4  5  6  7
GOLD = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PREDICTED = np.array([1, 1, 1, 0, 0, 2, 0, 2])
# The probability of the predicted label of each row.
CONFIDENT = [0.5, 0.9, 0.7, 0.8, 0.6, 0.6, 0.6, 0.6]


def probabilities() -> np.ndarray:
    values = np.zeros((8, 3))
    values[np.arange(8), PREDICTED] = CONFIDENT
    return values


def test_most_frequent_pairs_first_and_most_confident_rows_first() -> None:
    found = worst_confusions(
        GOLD, PREDICTED, probabilities(), lambda row: f"text {row}", LABELS, examples=2
    )
    assert [(each.gold, each.predicted, each.count) for each in found] == [
        ("100", "101", 3),
        ("101", "100", 1),
        ("101", "102", 1),
        ("102", "100", 1),
    ]
    assert found[0].examples == [
        Example("text 1", "100", "101", 0.9),
        Example("text 2", "100", "101", 0.7),
    ]


def test_only_the_rows_shown_are_read() -> None:
    asked: list[int] = []

    def text(row: int) -> str:
        asked.append(row)
        return ""

    found = worst_confusions(
        GOLD,
        PREDICTED,
        probabilities(),
        text,
        LABELS,
        most=1,
        examples=1,
        where=lambda row: f"dev.tsv:{row + 1}",
    )
    assert asked == [1]
    assert [type(row) for row in asked] == [int]
    assert found[0].examples[0].where == "dev.tsv:2"


@pytest.mark.parametrize("rows", [0, 8])
def test_nothing_confused(rows: int) -> None:
    gold = GOLD[:rows]
    assert worst_confusions(gold, gold, probabilities()[:rows], str, LABELS) == []


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"should have shape \(8, 3\) \(rows, labels\).*= "
            r"\(8,\)"
        ),
    ):
        worst_confusions(GOLD, PREDICTED, np.ones(8), str, LABELS)


@pytest.mark.parametrize(
    ("label", "title"), [("109", "109 科技"), ("sad", "sad"), ("x", "x"), ("unknown", "unknown")]
)
def test_title_of_label(label: str, title: str) -> None:
    labels, words = ["109", "sad", "x"], ["科技", "sad", ""]
    score = score_predictions(np.array([0]), np.array([0]), labels)
    assert TaskReport("tnews", "", labels, words, score, TaskCurves(), []).title_of(label) == title


def test_lines_that_somebody_changed_are_left_out_of_the_curves() -> None:
    records = [
        {"step": 1, "loss": 5},
        {"step": 2, "loss": {"topic": 0.5}, "terms": [3]},
        {"step": 3},
    ]
    assert build._points(records, "loss", "topic") == [build.CurvePoint(2, 0.5)]
    assert build._terms(records) == {}
