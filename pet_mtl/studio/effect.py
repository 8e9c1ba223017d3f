"""What an edit changes on the rows, as JSON for the page."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pet_mtl.errors import PetMtlError
from pet_mtl.metrics.classification import TaskScore
from pet_mtl.metrics.gain import macro_f1_gain
from pet_mtl.studio.luck import FEW_ROWS, after_tries, sign_test
from pet_mtl.words.results import Change, Scored

_MANY = 200_000  # cells times labels: beyond, fewer resamples keep an edit quick


@dataclass(frozen=True)
class Effect:
    """An edit that was scored.

    Attributes:
        id: the page asks for its rows by it.
        probability: `[rows]` of the predicted label.
        tries: different edits of the task that were scored on these rows so far.
    """

    id: str
    change: Change
    probability: npt.NDArray[np.float32]
    tries: int

    def to_json(self) -> dict[str, Any]:
        """Return scores before and after, with paired intervals, the labels and the confusion
        matrix."""
        before, after = self.change.before, self.change.after
        old, new = task_score(before), task_score(after)
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
            "macro_f1": {
                "before": old.macro_f1,
                "after": new.macro_f1,
                "change": new.macro_f1 - old.macro_f1,
                "change_ci95": _macro_f1_interval(before, after),
            },
            "accuracy": {
                "before": old.accuracy,
                "after": new.accuracy,
                "change": new.accuracy - old.accuracy,
                "change_ci95": _accuracy_interval(gained, lost, rows),
            },
            "labels": labels,
            "confusion": new.confusion,
            "confusion_before": old.confusion,
            "gained": gained,
            "lost": lost,
            "flipped": len(self.change.flipped),
            "luck": {"p": p, "tries": self.tries, "few_rows": rows < FEW_ROWS},
        }


def task_score(scored: Scored) -> TaskScore:
    """Return the score of a task with labels.

    Raises:
        PetMtlError: a task of another kind.
    """
    if not isinstance(scored.score, TaskScore):
        raise PetMtlError(
            f"task `{scored.task.name}` does not choose one label a row",
            hint="try its words with `pet-mtl words try`",
        )
    return scored.score


def _macro_f1_interval(before: Scored, after: Scored) -> list[float]:
    gold, size = after.rows.labels, len(after.score.per_label)
    if np.array_equal(before.predicted, after.predicted):
        return [0.0, 0.0]
    cells = len(np.unique((gold * size + before.predicted) * size + after.predicted))
    resamples = 500 if cells * size < _MANY else 200
    _, interval = macro_f1_gain(gold, before.predicted, after.predicted, size, resamples=resamples)
    return list(interval)


def _accuracy_interval(gained: int, lost: int, rows: int) -> list[float]:
    """Return the 95 % interval of a difference of paired proportions (Wald)."""
    change = (gained - lost) / rows
    half = 1.96 * math.sqrt(max(0.0, (gained + lost) / rows - change**2) / rows)
    return [change - half, change + half]
