"""What a sweep found, as plain values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrialResult:
    """One trial.

    Attributes:
        number: from 0.
        state: complete, pruned, fail or running.
        score: the best dev score of the run; None where it did not come to its end.
        settings: what it chose, by setting.
        tasks: score by task, of its `metric`.
        curve: dev scores by step.
        seconds: wall time, pauses included.
        why: it failed.
    """

    number: int
    state: str
    score: float | None
    settings: Mapping[str, Any]
    tasks: Mapping[str, float]
    curve: Mapping[int, float]
    seconds: float | None
    why: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "trial": self.number,
            "state": self.state,
            "score": self.score,
            "settings": dict(self.settings),
            "tasks": dict(self.tasks),
            **({"why": self.why} if self.why else {}),
        }


def setting_names(trials: Sequence[TrialResult]) -> list[str]:
    """Return the settings that some trials chose, each once."""
    return list(dict.fromkeys(name for trial in trials for name in trial.settings))


@dataclass(frozen=True)
class SweepResult:
    """A sweep.

    Attributes:
        wanted: trials that it is to have.
        best: None where no trial came to its end.
        importance: the share of the scores' spread that each setting explains.
        log: the settings that are searched by ratio.
    """

    out: Path
    suite: str
    wanted: int
    trials: Sequence[TrialResult]
    best: TrialResult | None
    importance: Mapping[str, float]
    log: set[str]

    @property
    def counts(self) -> Counter[str]:
        """How many trials are in each state."""
        return Counter(trial.state for trial in self.trials)

    @property
    def ended(self) -> list[TrialResult]:
        """The trials that came to their end."""
        return [trial for trial in self.trials if trial.score is not None]

    @property
    def ranked(self) -> list[TrialResult]:
        """The trials that came to their end, the best first."""
        return sorted(self.ended, key=lambda trial: (-(trial.score or 0.0), trial.number))

    @property
    def running(self) -> int:
        """Trials in the hands of other processes."""
        return self.counts["running"]

    @property
    def reasons(self) -> list[str]:
        """Why trials failed, each once."""
        return list(dict.fromkeys(trial.why for trial in self.trials if trial.why))

    def to_json(self) -> dict[str, Any]:
        best = None
        if self.best is not None:
            run = self.out / "trials" / f"{self.best.number:03d}" / "run"
            best = {**self.best.to_json(), "checkpoint": str(run / "checkpoint")}
        return {
            "out": str(self.out),
            "suite": self.suite,
            "trials": [trial.to_json() for trial in self.trials],
            "counts": {
                state: self.counts[state] for state in ("complete", "pruned", "fail", "running")
            },
            "best": best,
            "importance": dict(self.importance),
            "patterns": str(self.out / "best.yaml"),
            "page": str(self.out / "sweep.html"),
        }
