"""Kinds of task: loss, probabilities, decision, scores, and what files hold; one file a kind.

- `kind`           what every kind gives
- `classification` one of the labels: softmax, cross-entropy, macro-F1
- `multi_label`    a set of labels, each by itself: thresholds, micro- and macro-F1
- `similarity`     a number between two ends: Pearson, Spearman
- `ordered`        one label of a scale: the mean absolute error too
- `entailment`     one of the labels, each as a hypothesis that is true or false
- `hierarchy`      classification with hierarchical names, level by level or jointly

`pet_mtl/suite/kind.py` says in plain facts what a kind is; `pet_mtl/data/targets.py` reads its
label cells.
"""

from functools import lru_cache

from pet_mtl.cloze.form import Form
from pet_mtl.kinds.classification import Classification
from pet_mtl.kinds.entailment import Entailment
from pet_mtl.kinds.hierarchy import Hierarchy
from pet_mtl.kinds.kind import (
    FloatArray,
    Gold,
    Kind,
    Prediction,
    SetPrediction,
    ValuePrediction,
)
from pet_mtl.kinds.multi_label import MultiLabel, fit_thresholds
from pet_mtl.kinds.ordered import Ordered
from pet_mtl.kinds.similarity import Similarity
from pet_mtl.suite.kind import KindSpec
from pet_mtl.suite.task import TaskSpec

_KINDS: dict[str, type[Kind]] = {
    "classification": Classification,
    "multi_label": MultiLabel,
    "similarity": Similarity,
    "ordered": Ordered,
    "entailment": Entailment,
}


@lru_cache(maxsize=1024)
def build_kind(spec: KindSpec) -> Kind:
    """Return a kind for one task's labels."""
    return (Hierarchy if spec.levels else _KINDS[spec.name])(spec)


def kind_of(task: TaskSpec) -> Kind:
    """Return the kind of a task."""
    return build_kind(task.kind_spec)


def kind_of_form(form: Form) -> Kind:
    """Return the kind of a compiled pattern's task; a form that says nothing classifies."""
    return build_kind(form.kind)


def fitted_thresholds(kind: Kind, gold: Gold, log_probs: FloatArray) -> tuple[float, ...]:
    """Return for each label of a kind of sets the threshold with the best F1 on some rows."""
    assert isinstance(kind, MultiLabel)
    probabilities = kind.probabilities(log_probs)
    return tuple(fit_thresholds(gold, probabilities, kind.thresholds).tolist())


__all__ = [
    "Kind",
    "Prediction",
    "SetPrediction",
    "ValuePrediction",
    "build_kind",
    "fitted_thresholds",
    "kind_of",
    "kind_of_form",
]
