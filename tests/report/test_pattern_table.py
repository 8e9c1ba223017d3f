import io

import numpy as np
from rich.console import Console

from pet_mtl.metrics.classification import score_predictions
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.report.pattern_table import pattern_table
from pet_mtl.scoring.checkpoint_scores import CheckpointScore
from pet_mtl.scoring.patterns import PatternScores


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
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(pattern_table(score, several=True))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["patterns", "run"] in lines
    assert [line for line in lines if line][-3:] == [
        ["toy", "[b]{a}", "1.0000", "1.0000"],
        ["toy", "c", "0.3333", "0.5000"],
        ["toy", "spread", "0.6667", "0.5000"],
    ]
