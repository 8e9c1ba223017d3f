"""The scores of each pattern of a task alone, and how far they lie apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pet_mtl.data.rows import Rows
from pet_mtl.kinds import kind_of
from pet_mtl.metrics.score import Score
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.suite import Suite


@dataclass(frozen=True)
class PatternScores:
    """A task's patterns, as in the pattern file, and the score of each without calibration."""

    patterns: tuple[str, ...]
    scores: tuple[Score, ...]

    def spread(self, metric: str) -> float:
        """Return how far the best pattern lies above the worst."""
        values = [score.summary()[metric] for score in self.scores]
        return float(max(values) - min(values))

    def to_json(self) -> dict[str, Any]:
        return {
            "each": [
                {"pattern": pattern, **score.summary()}
                for pattern, score in zip(self.patterns, self.scores, strict=True)
            ],
            "spread": {metric: self.spread(metric) for metric in self.scores[0].summary()},
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
            kind, gold = kind_of(task), rows[name].gold
            scores = [kind.score(gold, kind.decide(one)) for one in log_probs]
            out[name] = PatternScores(task.patterns, tuple(scores))
    return out
