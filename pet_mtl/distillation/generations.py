"""iPET: each generation of teachers is trained on more rows, labelled by others of the one before
(Schick and Schütze 2021)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.rows import Rows
from pet_mtl.random_streams import OTHER_TEACHERS
from pet_mtl.scoring.log_probs import FloatArray

OTHERS = 0.25  # share of the other teachers that label rows for one of them


def choose_others(teachers: int, own: int, seed: int, generation: int) -> list[int]:
    """Return which teachers label rows for the teacher `own`: a quarter of the others, at least
    one.

    >>> choose_others(2, 1, seed=42, generation=1)
    [0]
    """
    others = [number for number in range(teachers) if number != own]
    count = max(1, round(OTHERS * len(others)))
    drawn = OTHER_TEACHERS.generator(seed, generation, own).permutation(others)[:count]
    return sorted(map(int, drawn))


def confident_rows(
    probs: FloatArray, labels: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return unlabelled rows and the labels that they get: of each label the rows that teachers are
    surest of, in the shares that labels have among the training rows.

    A label that teachers give to fewer rows than its share gets those alone.

    Args:
        probs: `[n, K]` of the unlabelled rows; those with NaN are not chosen.
        labels: of the training rows.
        count: how many to choose.

    >>> probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    >>> confident_rows(probs, np.array([0, 0, 1]), 3)
    (array([0, 2, 3]), array([0, 1, 0]))
    """
    known = ~np.isnan(probs).any(1)
    said = np.where(known, np.nan_to_num(probs).argmax(1), -1)
    shares = np.bincount(labels[labels >= 0], minlength=probs.shape[1]).astype(float)
    shares /= shares.sum()
    chosen = []
    for label, share in enumerate(shares):
        rows = np.flatnonzero(said == label)
        surest = rows[np.argsort(-probs[rows, label], kind="stable")]
        chosen.append(surest[: round(share * count)])
    found = np.sort(np.concatenate(chosen))
    return found, said[found]


def grown_by(labelled: int, growth: float, generation: int) -> int:
    """Return how many unlabelled rows a generation adds: the labelled set is `growth` times that of
    the one before.

    >>> grown_by(10, 5, 1), grown_by(10, 5, 2)
    (40, 240)
    """
    return round(labelled * growth**generation) - labelled


def labelled(rows: Rows, chosen: NDArray[np.int64], labels: NDArray[np.int64]) -> Rows:
    """Return some rows with labels."""
    return replace(rows.take(chosen), labels=labels.astype(np.int64))
