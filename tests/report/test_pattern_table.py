import io

import numpy as np
from rich.console import Console

from pet_mtl.metrics.classification import score_predictions
from pet_mtl.metrics.similarity import score_similarity
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.report.pattern_table import pattern_table
from pet_mtl.scoring.checkpoint_scores import CheckpointScore
from pet_mtl.scoring.patterns import PatternScores


def shown(score: CheckpointScore, *, several: bool) -> list[list[str]]:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(pattern_table(score, several=several))
    lines = [line.split() for line in console.export_text().splitlines()]
    return [line for line in lines if line]


def test_kinds_have_columns_of_their_own() -> None:
    gold, low = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.5, 2.5])
    number = score_similarity(gold, low)
    label = score_predictions(np.array([0, 1]), np.array([0, 1]), ("x", "y"))
    patterns = {"one": PatternScores(("a",), (label,)), "two": PatternScores(("b",), (number,))}
    lines = shown(
        CheckpointScore("run", {}, {}, {}, Throughput(), 0.0, patterns=patterns), several=False
    )
    head = next(line for line in lines if line[:2] == ["task", "pattern"])
    assert head[2:] == ["macro-F1", "accuracy", "Pearson", "Spearman", "MAE"]
    assert ["one", "a", "1.0000", "1.0000", "–", "–", "–"] in lines
    assert ["two", "b", "–", "–", "1.0000", "1.0000", "0.5000"] in lines


def test_each_pattern_and_the_spread_have_a_row() -> None:
    gold = np.array([0, 0, 1, 1])
    scores = tuple(
        score_predictions(gold, np.array(p), ("x", "y")) for p in ([0, 0, 1, 1], [1, 1, 1, 1])
    )
    score = CheckpointScore(
        "run",
        {},
        {},
        {},
        Throughput(),
        0.0,
        patterns={"toy": PatternScores(("[b]{a}", "c"), scores)},
    )
    lines = shown(score, several=True)
    assert lines[0] == ["patterns,", "each", "without", "calibration", "run"]
    assert lines[-3:] == [
        ["toy", "[b]{a}", "1.0000", "1.0000"],
        ["toy", "c", "0.3333", "0.5000"],
        ["toy", "spread", "0.6667", "0.5000"],
    ]
