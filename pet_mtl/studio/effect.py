"""What an edit changes on the rows, as JSON for the page."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pet_mtl.kinds import Kind, kind_of
from pet_mtl.kinds.kind import Decided, FloatArray
from pet_mtl.metrics.gain import macro_f1_gain
from pet_mtl.studio.luck import FEW_ROWS, after_tries, sign_test
from pet_mtl.words.results import Change, Scored

_RIGHT = {"label": "accuracy", "labels": "exact_match", "number": "near"}  # share of right rows
_MANY = 200_000  # cells times labels: beyond, fewer resamples keep an edit quick


@dataclass(frozen=True)
class Effect:
    """An edit that was scored.

    Attributes:
        id: the page asks for its rows by it.
        probability: `[rows]` of the predicted label, or of the predicted set and no other; None of
            numbers.
        tries: different edits of the task that were scored on these rows so far.
    """

    id: str
    change: Change
    probability: npt.NDArray[np.floating] | None
    tries: int

    def to_json(self) -> dict[str, Any]:
        """Return scores before and after, with paired intervals, the labels and the confusion
        matrix; these are empty where rows have numbers, the matrix of sets too."""
        before, after = self.change.before, self.change.after
        old, new = before.score, after.score
        gained, lost = len(self.change.gained), len(self.change.lost)
        rows = new.examples
        p = after_tries(sign_test(gained, lost), self.tries) if gained > lost else None
        labels = [
            {
                "label": label,
                "before": old.per_label[label].f1,
                "after": each.f1,
                "precision": each.precision,
                "recall": each.recall,
                "support": each.support,
            }
            for label, each in new.per_label.items()
        ]
        return {
            "effect": self.id,
            "rows": rows,
            "seconds": round(after.seconds, 4),
            "cached": after.cached,
            "figures": _figures(before, after, gained, lost),
            "labels": labels,
            "confusion": new.confusion,
            "gained": gained,
            "lost": lost,
            "flipped": len(self.change.flipped),
            "luck": {"p": p, "tries": self.tries, "few_rows": rows < FEW_ROWS},
        }


def certainty(
    kind: Kind, log_probs: FloatArray, decided: Decided
) -> npt.NDArray[np.floating] | None:
    """Return how likely each decision is: `Effect.probability`."""
    match kind.spec.facts.target:
        case "labels":
            p = kind.probabilities(log_probs)
            return np.asarray(np.where(decided, p, 1 - p).prod(-1))
        case "number":
            return None
        case _:
            return np.asarray(np.exp(log_probs.max(-1)))


def _figures(before: Scored, after: Scored, gained: int, lost: int) -> dict[str, Any]:
    """Return the main figure and the share of right rows, each before and after, by name."""
    kind, rows = kind_of(after.task), after.score.examples
    main = kind.spec.facts.main
    first, last = before.score.value(main), after.score.value(main)
    old, new = (
        float(kind.right(one.rows.gold, one.predicted).sum()) / rows for one in (before, after)
    )
    return {
        main: _figure(first, last, _main_interval(before, after)),
        _RIGHT[kind.spec.facts.target]: _figure(old, new, _share_interval(gained, lost, rows)),
    }


def _figure(before: float, after: float, interval: list[float]) -> dict[str, Any]:
    return {"before": before, "after": after, "change": after - before, "change_ci95": interval}


def _main_interval(before: Scored, after: Scored) -> list[float]:
    """Return the 95 % interval of the change of the main figure, by the paired bootstrap."""
    gold, size, kind = after.rows.gold, len(after.score.per_label), kind_of(after.task)
    if np.array_equal(before.predicted, after.predicted):
        return [0.0, 0.0]
    if not kind.one_label:
        return list(kind.gain(gold, before.predicted, after.predicted))
    cells = len(np.unique((gold * size + before.predicted) * size + after.predicted))
    resamples = 500 if cells * size < _MANY else 200
    _, interval = macro_f1_gain(gold, before.predicted, after.predicted, size, resamples=resamples)
    return list(interval)


def _share_interval(gained: int, lost: int, rows: int) -> list[float]:
    """Return the 95 % interval of a difference of paired proportions (Wald)."""
    change = (gained - lost) / rows
    half = 1.96 * math.sqrt(max(0.0, (gained + lost) / rows - change**2) / rows)
    return [change - half, change + half]
