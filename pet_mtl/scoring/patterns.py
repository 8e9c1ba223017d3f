"""The scores of each pattern of a task alone, and how far they lie apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pet_mtl.data.rows import Rows
from pet_mtl.metrics.classification import TaskScore, score_predictions
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.suite import Suite


@dataclass(frozen=True)
class PatternScores:
    """A task's patterns, as in the pattern file, and the score of each without calibration."""

    patterns: tuple[str, ...]
    scores: tuple[TaskScore, ...]

    def spread(self, metric: str) -> float:
        """Return how far the best pattern lies above the worst."""
        values = [getattr(score, metric) for score in self.scores]
        return float(max(values) - min(values))

    def to_json(self) -> dict[str, Any]:
        return {
            "each": [
                {"pattern": pattern, "macro_f1": score.macro_f1, "accuracy": score.accuracy}
                for pattern, score in zip(self.patterns, self.scores, strict=True)
            ],
            "spread": {metric: self.spread(metric) for metric in ("macro_f1", "accuracy")},
        }


def score_patterns(
    suite: Suite, rows: Mapping[str, Rows], by_pattern: Mapping[str, FloatArray]
) -> dict[str, PatternScores]:
    """Score each pattern's label log-probabilities `[patterns, rows, K]`; tasks with one pattern
    are left out."""
    out = {}
    for name, log_probs in by_pattern.items():
        task = suite.tasks[name]
        if len(log_probs) > 1:
            scores = [
                score_predictions(rows[name].labels, one.argmax(-1), task.verbalizer.labels)
                for one in log_probs
            ]
            out[name] = PatternScores(task.patterns, tuple(scores))
    return out
