"""What the rows of a run say before its first step: too few dev rows, labels that are rare."""

import math
from collections.abc import Mapping

from pet_mtl.console import say
from pet_mtl.data.suite_data import TaskData
from pet_mtl.data.targets import label_counts
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import SplitSpec

WIDE = 0.1  # half of an interval from which on a dev score says little
SPLIT = 0.2  # of the rows, to hold out where these are few
UNEVEN = 10  # times as many rows as a rare label has
RARE = 0.25  # of an equal share of the rows
SHOWN = 6  # labels


def describe(suite: Suite, data: Mapping[str, TaskData]) -> None:
    """Say how many rows each task has, and what is odd about them."""
    for name, task in data.items():
        dev = f", {len(task.dev):,} dev" if task.dev is not None else ", no dev rows"
        say(f"data: {name} {len(task.train):,} training rows{dev}")
        for note in task.notes:
            say(f"warning: {name}: {note}")
    for line in row_notes(suite, data):
        say(line)


def row_notes(suite: Suite, data: Mapping[str, TaskData]) -> list[str]:
    """Return warnings about tasks whose dev rows are few or whose labels are uneven."""
    notes = []
    for name, task in data.items():
        dev = 0 if task.dev is None else len(task.dev)
        if dev and wilson_half_width(dev) > WIDE:
            luck = "small differences are luck"
            if suite.tasks[name].kind_spec.facts.target == "label":
                luck = (
                    "an accuracy of 0.5 has a 95 % interval of "
                    f"± {wilson_half_width(dev):.2f}, smaller differences are luck"
                )
            more = _more_dev(suite.tasks[name].data.dev)
            notes.append(f"warning: {name}: {dev:,} dev rows: {luck}; {more}")
        if suite.tasks[name].kind_spec.facts.target == "label" and not _balances(suite.train):
            counts = label_counts(task.train.labels, task.train.targets, suite.tasks[name])
            if line := _uneven(dict(zip(suite.tasks[name].verbalizer.labels, counts, strict=True))):
                notes.append(f"warning: {name}: {line}")
    return notes


def wilson_half_width(rows: int) -> float:
    """Return half the width of the 95 % interval (Wilson, 1927) of an accuracy of 0.5.

    >>> round(wilson_half_width(6), 3), round(wilson_half_width(100), 3)
    (0.312, 0.096)
    """
    z = 1.959964
    return z / (2 * math.sqrt(rows + z * z))


def _more_dev(dev: object) -> str:
    """Return what makes dev scores surer, by where the dev rows come from."""
    if isinstance(dev, SplitSpec) and dev.split < SPLIT:
        return f"hold out more (`data.dev: {{split: {SPLIT}}}`)"
    return "several seeds say more: `pet-mtl compare --seeds 3`"


def _balances(settings: TrainSettings) -> bool:
    """Return whether a setting acts on uneven labels already."""
    return bool(settings.logit_adjustment) or settings.losses.class_weights is not None


def _uneven(counts: Mapping[str, int]) -> str:
    """Say which labels are rare, `""` where none is; labels without a row are none."""
    present = {label: int(count) for label, count in counts.items() if count}
    if len(present) < 2:
        return ""
    most, equal = max(present.values()), sum(present.values()) / len(present)
    rare = sorted((count, label) for label, count in present.items() if count < RARE * equal)
    if not rare or most < UNEVEN * rare[0][0]:
        return ""
    shown = ", ".join(f"{label} {count:,}" for count, label in rare[:SHOWN])
    return (
        f"rare labels: {shown}{', …' if len(rare) > SHOWN else ''} (the commonest has {most:,} "
        "rows); macro-F1 hangs on them as on the others: try `-s train.logit_adjustment=0.3` or "
        "`-s train.losses.class_weights.beta=0.5`"
    )
