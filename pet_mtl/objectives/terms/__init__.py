"""Loss terms: what changes the label losses of rows or adds to them; one file a term.

The base is `label_loss` with its smoothing over the adjusted scores, and the teachers' loss beside
it. A `Factor` says how much each row's label loss counts, an `Addend` adds a loss of its own.
Several may act together.
"""

from collections.abc import Callable
from typing import Any

from pet_mtl.objectives.terms import class_weights, focal, hard_negatives, r_drop
from pet_mtl.objectives.terms.term import Addend, Counts, Factor, TaskScores, Term, Want
from pet_mtl.suite.losses import LossSettings

_BUILDERS: dict[str, Callable[[Any, Counts], Term | None]] = {
    "focal": focal.build,
    "class_weights": class_weights.build,
    "hard_negatives": hard_negatives.build,
    "r_drop": r_drop.build,
}


def build_terms(settings: LossSettings, counts: Counts) -> dict[str, Term]:
    """Return a run's terms by name, without those that change nothing.

    Args:
        counts: for each form `[K]` training rows of its labels.

    >>> list(build_terms(LossSettings.model_validate({"focal": {}, "r_drop": {"alpha": 0}}), []))
    ['focal']
    """
    chosen = {name: getattr(settings, name) for name in _BUILDERS}
    built = {name: _BUILDERS[name](own, counts) for name, own in chosen.items() if own is not None}
    return {name: term for name, term in built.items() if term is not None}


__all__ = ["Addend", "Factor", "TaskScores", "Term", "Want", "build_terms"]
