"""Kinds of task, as plain facts: what a row's target is, which scores there are, what makes sense.

What a kind computes stands in `pet_mtl/kinds/`, one file each; how its label cells are read in
`pet_mtl/data/targets.py`. A new kind is a name here, a file there and its line in the registry.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite
from typing import Literal

KindName = Literal["classification", "multi_label", "similarity", "ordered", "entailment"]
MetricName = Literal[
    "macro_f1", "accuracy", "micro_f1", "exact_match", "mae", "pearson", "spearman"
]
Levels = Literal["joint", "by_level"]
Target = Literal["label", "labels", "number"]


@dataclass(frozen=True)
class KindFacts:
    """What the rest of the package asks a kind about.

    Attributes:
        target: what a row's label cell holds: one of the labels, a set of them, or a number.
        metrics: by which a checkpoint may be chosen, the default first.
        keys: of a task's section, that say something of this kind and not of all.
        calibrates: a bias for each label makes sense.
        plain: the likeliest of the label words at a slot is the answer, as in any cloze.
        hypotheses: a row is read once for each label, in whose prompt the label itself stands.
    """

    target: Target
    metrics: tuple[MetricName, ...]
    keys: tuple[str, ...] = ()
    calibrates: bool = False
    plain: bool = False
    hypotheses: bool = False

    @property
    def main(self) -> MetricName:
        """The figure that stands for a task: `Score.main`, and what is chosen by if nothing else
        is named."""
        return self.metrics[0]


KINDS: dict[str, KindFacts] = {
    "classification": KindFacts(
        "label",
        ("macro_f1", "accuracy"),
        keys=("levels", "level_separator", "above"),
        calibrates=True,
        plain=True,
    ),
    "multi_label": KindFacts(
        "labels",
        ("macro_f1", "micro_f1", "exact_match"),
        keys=("separator", "no", "threshold", "thresholds"),
    ),
    "similarity": KindFacts("number", ("pearson", "spearman"), keys=("range",)),
    "ordered": KindFacts("label", ("macro_f1", "accuracy", "mae"), calibrates=True, plain=True),
    "entailment": KindFacts(
        "label",
        ("macro_f1", "accuracy"),
        keys=("yes", "no", "question", "descriptions"),
        calibrates=True,
        hypotheses=True,
    ),
}
YES_LABEL = "yes"  # the name of what says that a hypothesis is true
NO_LABEL = "no"  # the name of what stands for none of the labels, or for a hypothesis that is false


@dataclass(frozen=True)
class KindSpec:
    """The kind of one task with all that its maths need.

    Attributes:
        name: of the kind.
        labels: the raw labels.
        no: behind the labels, the model scores what stands for none of them.
        thresholds: probabilities from which each label is chosen; empty: none were fitted.
        separator: between the labels of a set that is written as text.
        range: the targets of the two ends.
        values: what each label is worth on its scale.
        levels: how labels with hierarchical names are scored.
        level_separator: between the names of a label's path.
        above: names above the labels; behind these, the model scores them.
    """

    name: KindName = "classification"
    labels: tuple[str, ...] = ()
    no: bool = False
    thresholds: tuple[float, ...] = ()
    separator: str = ","
    range: tuple[float, float] = (0.0, 1.0)
    values: tuple[float, ...] = ()
    levels: Levels | None = None
    level_separator: str = "/"
    above: tuple[str, ...] = ()

    @property
    def facts(self) -> KindFacts:
        facts = KINDS[self.name]
        return replace(facts, plain=False) if self.levels else facts


def set_text(names: Sequence[str], labels: tuple[str, ...], separator: str) -> str:
    """Return a set of labels as the text of a cell: with separators, or as a JSON list in a task
    whose `labels` could not be told apart so; an empty set as empty text.

    >>> set_text(["x", "y"], ("x", "y"), ","), set_text(["x", "y"], ("x", "y", "x,y"), ",")
    ('x,y', '["x", "y"]')
    """
    if names and _need_lists(labels, separator):
        return json.dumps(list(names), ensure_ascii=False)
    return separator.join(names)


@lru_cache(maxsize=64)
def _need_lists(labels: tuple[str, ...], separator: str) -> bool:
    """Say whether a label holds the separator, or begins as a list does."""
    # what follows a label may close a separator that its end begins: `a;` before `;;`
    return any(
        label.lstrip().startswith("[") or (label + separator).find(separator) < len(label)
        for label in labels
    )


def numbers(labels: tuple[str, ...]) -> tuple[float, ...] | None:
    """Return labels that are all finite numbers and so are their distances, None where some are
    not.

    >>> numbers(("1", "2.5")), numbers(("1", "two")), numbers(("-1e308", "1e308"))
    ((1.0, 2.5), None, None)
    """
    try:
        values = tuple(map(float, labels))
    except ValueError:
        return None
    return values if all(map(isfinite, (*values, max(values) - min(values)))) else None
