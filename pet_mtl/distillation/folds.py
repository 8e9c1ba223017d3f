"""Training rows cut into folds, the same texts together, each label spread over all of them."""

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.rows import Rows
from pet_mtl.data.split import group_labels, text_ranks
from pet_mtl.errors import PetMtlError

Folds = NDArray[np.int64]


def fold_rows(keys: NDArray[np.uint64], rows: Rows, folds: int, seed: int, task: str) -> Folds:
    """Return the fold of each row, from 0.

    Which fold a text is in depends on the texts and the seed, not on the order of the rows.

    Args:
        keys: `row_keys`, `[n]`.
        rows: `n` rows, whose labels are spread evenly.

    Raises:
        PetMtlError: fewer texts than folds, or the rows of the other folds have one label only.
    """
    labels, answers = rows.labels, rows.answers
    groups, group_of = np.unique(keys, return_inverse=True)
    if folds > len(groups):
        raise PetMtlError(
            f"`{task}` has {len(groups):,} different training texts, too few for {folds:,} folds",
            where="--folds",
            hint="take fewer folds, or leave `--folds` out",
        )
    majority = group_labels(group_of, labels, len(groups))
    order = np.lexsort((text_ranks(groups, seed), majority))
    fold_of_group = np.empty(len(groups), np.int64)
    fold_of_group[order] = np.arange(len(groups)) % folds
    fold_of: Folds = fold_of_group[group_of]
    for fold in range(folds):
        if len(np.unique(answers[fold_of != fold])) < 2:
            raise PetMtlError(
                f"`{task}` has too few rows for {folds:,} folds: without fold {fold + 1} all "
                "training rows have one label",
                where="--folds",
                hint="take other folds, or leave `--folds` out",
            )
    return fold_of
