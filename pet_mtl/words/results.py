"""How label words score on rows, and what other words change, row by row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pet_mtl.data.rows import Rows
from pet_mtl.kinds import kind_of
from pet_mtl.metrics.score import Score
from pet_mtl.suite.task import TaskSpec

FLIPS_TOLD = 20


@dataclass(frozen=True)
class Scored:
    """One verbalizer on the rows of one task.

    Attributes:
        verbalizer: the file.
        task: with these label words.
        predicted: `[rows, …]` decisions, label indices or such.
        seconds: from reading the file to its scores.
        cached: no prompt had to go through the model.
    """

    verbalizer: str
    task: TaskSpec
    rows: Rows
    score: Score
    predicted: npt.NDArray[Any]
    seconds: float
    cached: bool


@dataclass(frozen=True)
class Change:
    """What other label words change, row by row.

    Attributes:
        before: scored with the old words.
        after: scored with the new ones.
    """

    before: Scored
    after: Scored

    @property
    def flipped(self) -> npt.NDArray[np.int64]:
        """The rows that get another label."""
        changed = self.before.predicted != self.after.predicted
        return np.flatnonzero(changed if changed.ndim == 1 else changed.any(-1))

    @property
    def gained(self) -> npt.NDArray[np.int64]:
        """The rows that are right now and were not."""
        return self._lost_by(self.after, self.before)

    @property
    def lost(self) -> npt.NDArray[np.int64]:
        """The rows that were right and are no more."""
        return self._lost_by(self.before, self.after)

    def _lost_by(self, one: Scored, other: Scored) -> npt.NDArray[np.int64]:
        kind, gold = kind_of(one.task), one.rows.gold
        right = kind.right(gold, one.predicted)
        return np.flatnonzero(right & ~kind.right(gold, other.predicted))

    @property
    def f1(self) -> dict[str, float]:
        """The change of each label's F1."""
        before = self.before.score.per_label
        return {
            label: each.f1 - before[label].f1 for label, each in self.after.score.per_label.items()
        }

    def flips(self, most: int) -> list[dict[str, str]]:
        """Return rows that flipped, gained and lost ones first."""
        gained, lost = set(self.gained.tolist()), set(self.lost.tolist())
        kind = kind_of(self.after.task)
        texts = {
            "gold": self.after.rows.gold,
            "before": self.before.predicted,
            "after": self.after.predicted,
        }
        order = sorted(
            self.flipped.tolist(), key=lambda row: (row not in gained and row not in lost, row)
        )
        return [
            {
                "row": self.after.rows.where(row),
                "text": " | ".join(self.after.rows.text(row).values()),
                **{name: kind.written(each[row : row + 1])[0] for name, each in texts.items()},
                "change": "gained" if row in gained else "lost" if row in lost else "flipped",
            }
            for row in order[:most]
        ]

    def to_json(self, flips: int = 0) -> dict[str, Any]:
        before, after = self.before.score, self.after.score
        return {
            "from": self.before.verbalizer,
            **{name: value - before.summary()[name] for name, value in after.summary().items()},
            "gained": len(self.gained),
            "lost": len(self.lost),
            "flipped": len(self.flipped),
            "per_label": self.f1,
            **({"rows": self.flips(flips)} if flips else {}),
        }


@dataclass(frozen=True)
class Tried:
    """The verbalizers that were tried for one task, and its own words; where no file is given,
    these are tried."""

    own: Scored
    files: tuple[Scored, ...]

    def changes(self) -> list[Change]:
        """Return what each file changes, beside the task's own words."""
        return [Change(self.own, each) for each in self.files if each is not self.own]


def entry_json(scored: Scored, change: Change | None, flips: int = 0) -> dict[str, Any]:
    """Return one entry of the JSON that `words try --json` prints."""
    score = scored.score
    return {
        "verbalizer": scored.verbalizer,
        "rows": score.examples,
        **score.summary(),
        "seconds": round(scored.seconds, 4),
        "cached": scored.cached,
        **{
            key: value
            for key, value in score.to_json().items()
            if key.endswith("_ci95") or key == "per_label"
        },
        "change": change.to_json(flips) if change else None,
    }


def tried_json(tried: Mapping[str, Tried], *, model: str, zero_shot: bool) -> dict[str, Any]:
    """Return what `words try --json` prints."""
    tasks = {
        name: [
            entry_json(each, None if each is task.own else Change(task.own, each))
            for each in task.files
        ]
        for name, task in tried.items()
    }
    return {"tasks": tasks, "model": model, "zero_shot": zero_shot}


def event_json(task: str, change: Change) -> dict[str, Any]:
    """Return what `words try --watch --json` prints when a file was saved."""
    return {"task": task, **entry_json(change.after, change, FLIPS_TOLD)}
