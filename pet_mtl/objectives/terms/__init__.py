"""Loss terms: what changes the label losses of rows or adds to them; one file a term.

The base is `label_loss` with its smoothing over the adjusted scores, and the teachers' loss beside
it. A `Factor` says how much each row's label loss counts, an `Addend` adds a loss of its own from
label scores, a `PieceTerm` one from whatever it `wants` of the model. Several may act together.
"""

from collections.abc import Callable
from typing import Any

from pet_mtl.objectives.terms import (
    adapet,
    class_weights,
    contrastive,
    focal,
    hard_negatives,
    mlm,
    r_drop,
    shuffle,
    task_discriminator,
    word_frequency,
)
from pet_mtl.objectives.terms.term import (
    Addend,
    Factor,
    Facts,
    Piece,
    PieceTerm,
    Reader,
    StepTerm,
    TaskScores,
    Term,
    Want,
)
from pet_mtl.suite.losses import LossSettings

_BUILDERS: dict[str, Callable[[Any, Facts], Term | None]] = {
    "focal": focal.build,
    "class_weights": class_weights.build,
    "hard_negatives": hard_negatives.build,
    "r_drop": r_drop.build,
    "adapet": adapet.build,
    "contrastive": contrastive.build,
    "mlm": mlm.build,
    "task_discriminator": task_discriminator.build,
    "word_frequency": word_frequency.build,
    "shuffle": shuffle.build,
}


def build_terms(settings: LossSettings, facts: Facts) -> dict[str, Term]:
    """Return a run's terms by name, without those that change nothing.

    >>> settings = LossSettings.model_validate({"focal": {}, "r_drop": {"alpha": 0}})
    >>> list(build_terms(settings, Facts()))
    ['focal']
    """
    chosen = {name: getattr(settings, name) for name in _BUILDERS}
    built = {name: _BUILDERS[name](own, facts) for name, own in chosen.items() if own is not None}
    return {name: term for name, term in built.items() if term is not None}


__all__ = [
    "Addend",
    "Factor",
    "Facts",
    "Piece",
    "PieceTerm",
    "Reader",
    "StepTerm",
    "TaskScores",
    "Term",
    "Want",
    "build_terms",
]
