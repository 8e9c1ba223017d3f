"""Rows that a task's decisions get wrong, for kinds whose rows have not one of the labels."""

from collections.abc import Callable

import numpy as np

from pet_mtl.kinds import Kind
from pet_mtl.kinds.kind import FloatArray, Gold
from pet_mtl.report.data import Confusion, Example

MOST = 5  # pairs of sets, or numbers
EXAMPLES = 3  # rows of a pair


def worst_sets(
    kind: Kind,
    gold: Gold,
    log_probs: FloatArray,
    texts: Callable[[int], str],
    where: Callable[[int], str],
) -> list[Confusion]:
    """Return what is most often taken for what else, each with its most confident rows; of numbers,
    the rows that are furthest off.

    Args:
        gold: the rows' targets.
        log_probs: `[rows, K]`.
        texts: gives the text of a row, and `where` its `file:line`; called only for rows shown.
    """
    decided = kind.decide(log_probs)
    wrong = np.flatnonzero(~kind.right(gold, decided))
    if not len(wrong):
        return []
    predicted = kind.predictions(log_probs[wrong])
    true = kind.written(gold[wrong])
    confident = np.array([each.probability for each in predicted])
    if gold.ndim == 1:
        order = np.argsort(-np.abs(decided[wrong] - gold[wrong]), kind="stable")[:MOST]
        groups = [[int(place)] for place in order]
    else:
        by_pair: dict[tuple[str, str], list[int]] = {}
        for place in np.argsort(-confident, kind="stable").tolist():
            by_pair.setdefault((true[place], predicted[place].label), []).append(place)
        groups = sorted(by_pair.values(), key=len, reverse=True)[:MOST]
    return [
        Confusion(
            true[group[0]] or "∅",
            predicted[group[0]].label or "∅",
            len(group),
            [
                Example(
                    texts(int(wrong[place])),
                    true[place] or "∅",
                    predicted[place].label or "∅",
                    None if gold.ndim == 1 else float(confident[place]),
                    where(int(wrong[place])),
                )
                for place in group[:EXAMPLES]
            ],
        )
        for group in groups
    ]
