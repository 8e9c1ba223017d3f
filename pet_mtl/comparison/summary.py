"""What the finished cells of a comparison say."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pet_mtl.comparison.cell import CellResult
from pet_mtl.comparison.plan import Cell
from pet_mtl.comparison.shots import ALL, Shots
from pet_mtl.comparison.statistics import Difference, Spread, paired_difference
from pet_mtl.kinds import Kind, kind_of
from pet_mtl.kinds.kind import Decided, Gold
from pet_mtl.metrics.score import mean_key
from pet_mtl.suite.suite import Suite


@dataclass(frozen=True)
class Entry:
    """One method at one number of shots, over its seeds; costs are medians, None where they could
    not be measured.

    Attributes:
        mean: of the tasks' main figures.
        tasks: main figure by task.
        difference: of the mean to the first method at the same shots, over the seeds that both
            have; None for the first method, and where they share no seed.
    """

    method: str
    shots: Shots
    mean: Spread
    tasks: dict[str, Spread]
    difference: Difference | None
    parameters: dict[str, float]
    rows: int
    steps: int
    seconds: float | None
    samples_per_second: float
    peak_memory_gb: float | None

    def to_json(self, mean: str) -> dict[str, Any]:
        """Return plain JSON values; `mean` is the name of the mean."""
        return {
            "method": self.method,
            "shots": self.shots,
            mean: self.mean.to_json(),
            "tasks": {name: spread.to_json() for name, spread in self.tasks.items()},
            "difference": self.difference and self.difference.to_json(),
            "parameters": self.parameters,
            "rows": self.rows,
            "steps": self.steps,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
            "peak_memory_gb": self.peak_memory_gb,
        }


@dataclass(frozen=True)
class Joining:
    """One task trained with all others against trained alone; `gain` is joint minus alone, over the
    seeds that both have."""

    method: str
    shots: Shots
    task: str
    joint: Spread
    alone: Spread
    gain: Difference | None

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "shots": self.shots,
            "task": self.task,
            "joint": self.joint.to_json(),
            "alone": self.alone.to_json(),
            "gain": self.gain and self.gain.to_json(),
        }


@dataclass(frozen=True)
class Comparison:
    """All that tables and page show; `dev_rows` counts by task, `metrics` names the main figure of
    each, `failed` says why cells are missing."""

    suite: str
    model: str
    created: str
    methods: list[str]
    seeds: list[int]
    dev_rows: dict[str, int]
    metrics: dict[str, str]
    entries: list[Entry]
    joining: list[Joining] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def shots(self) -> list[Shots]:
        return list(dict.fromkeys(entry.shots for entry in self.entries))

    def entry(self, method: str, shots: Shots) -> Entry | None:
        return next((e for e in self.entries if (e.method, e.shots) == (method, shots)), None)

    def to_json(self) -> dict[str, Any]:
        mean = mean_key(self.metrics.values())
        return {
            "suite": self.suite,
            "model": self.model,
            "methods": self.methods,
            "seeds": self.seeds,
            "dev_rows": self.dev_rows,
            "metrics": self.metrics,
            "entries": [entry.to_json(mean) for entry in self.entries],
            "single_task": [joining.to_json() for joining in self.joining],
            "failed": self.failed,
        }


BySeed = Mapping[int, CellResult]


def summarize(
    suite: Suite,
    methods: Sequence[str],
    gold: Mapping[str, Gold],
    results: Mapping[Cell, CellResult],
    failed: Mapping[Cell, str],
) -> Comparison:
    """Sum up cells; `gold` are the targets of the dev rows by task."""
    kinds = {name: kind_of(suite.tasks[name]) for name in gold}
    groups: dict[tuple[str, Shots, str | None], dict[int, CellResult]] = {}
    for cell in sorted(results, key=lambda cell: cell.seed):
        groups.setdefault((cell.variant, cell.shots, cell.task), {})[cell.seed] = results[cell]
    shots = sorted({cell.shots for cell in results}, key=lambda number: (number == ALL, number))
    entries, joining = [], []
    for number in shots:
        first = groups.get((methods[0], number, None))
        for method in methods:
            joint = groups.get((method, number, None))
            if joint is None:
                continue
            difference = None
            if first is not None and method != methods[0]:
                difference = _difference(kinds, gold, first, joint)
            entries.append(_entry(method, number, joint, difference))
            joining += [
                _joining(method, number, task, joint, alone, kinds, gold)
                for task in kinds
                if (alone := groups.get((method, number, task))) is not None
            ]
    return Comparison(
        suite=suite.name,
        model=suite.model,
        created=datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
        methods=list(methods),
        seeds=sorted({cell.seed for cell in results}),
        dev_rows={name: len(targets) for name, targets in gold.items()},
        metrics={name: kind.spec.facts.main for name, kind in kinds.items()},
        entries=entries,
        joining=joining,
        failed={str(cell): reason for cell, reason in failed.items()},
    )


def _difference(
    kinds: Mapping[str, Kind], gold: Mapping[str, Gold], first: BySeed, other: BySeed
) -> Difference | None:
    """Return `other` minus `first` over the seeds that both have: a seed that one side lacks would
    count as a difference of the methods."""
    seeds = sorted(first.keys() & other.keys())
    if not seeds:
        return None

    def decided(side: BySeed) -> dict[str, list[Decided]]:
        return {
            task: [side[seed].decided(task, kind.spec) for seed in seeds]
            for task, kind in kinds.items()
        }

    return paired_difference(kinds, gold, decided(first), decided(other))


def _entry(method: str, shots: Shots, by_seed: BySeed, difference: Difference | None) -> Entry:
    results = list(by_seed.values())
    first = results[0]
    return Entry(
        method=method,
        shots=shots,
        mean=Spread(tuple(float(np.mean(list(result.scores.values()))) for result in results)),
        tasks={
            task: Spread(tuple(result.scores[task] for result in results)) for task in first.scores
        },
        difference=difference,
        parameters=first.parameters,
        rows=round(_median([result.rows for result in results]) or 0),
        steps=round(_median([result.steps for result in results]) or 0),
        seconds=_median([result.seconds for result in results]),
        # one that was stopped in its last step has no figure
        samples_per_second=_median([each.samples_per_second or None for each in results]) or 0.0,
        peak_memory_gb=_median([result.peak_memory_gb for result in results]),
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.median(known)), 3) if known else None


def _joining(
    method: str,
    shots: Shots,
    task: str,
    joint: BySeed,
    alone: BySeed,
    kinds: Mapping[str, Kind],
    gold: Mapping[str, Gold],
) -> Joining:
    return Joining(
        method=method,
        shots=shots,
        task=task,
        joint=Spread(tuple(result.scores[task] for result in joint.values())),
        alone=Spread(tuple(result.scores[task] for result in alone.values())),
        gain=_difference({task: kinds[task]}, gold, alone, joint),
    )
