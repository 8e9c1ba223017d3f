"""Kinds of task, as plain facts: what a row's target is, which scores there are, what makes sense.

What a kind computes stands in `pet_mtl/kinds/`, one file each; how its label cells are read in
`pet_mtl/data/targets.py`. A new kind is a name here, a file there and its line in the registry.
"""

from dataclasses import dataclass
from typing import Literal

KindName = Literal["classification"]
MetricName = Literal["macro_f1", "accuracy"]
Target = Literal["label"]


@dataclass(frozen=True)
class KindFacts:
    """What the rest of the package asks a kind about.

    Attributes:
        target: what a row's label cell holds: one of the labels.
        metrics: by which a checkpoint may be chosen, the default first.
        calibrates: a bias for each label makes sense.
    """

    target: Target
    metrics: tuple[MetricName, ...]
    calibrates: bool = False


KINDS: dict[str, KindFacts] = {
    "classification": KindFacts("label", ("macro_f1", "accuracy"), calibrates=True),
}


@dataclass(frozen=True)
class KindSpec:
    """The kind of one task with all that its maths need.

    Attributes:
        name: of the kind.
        labels: the raw labels.
    """

    name: KindName = "classification"
    labels: tuple[str, ...] = ()

    @property
    def facts(self) -> KindFacts:
        return KINDS[self.name]
