"""PETAL's likelihood ratio: words that the label's rows make likely and the other rows do not
(Schick et al. 2020)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.words.suggest.judge import BoolArray

MOST_LIKELY = 1000  # the ratio ranks these; below, it would find words that are rare everywhere
_ALMOST_CERTAIN = np.float32(-1e-6)  # log p of a certain word would make log(1 - p) infinite


def petal_scores(
    log_p: FloatArray, members: BoolArray, groups: Sequence[Sequence[int]]
) -> FloatArray:
    """Score each word for each label.

    Σ log p/(1 - p) over the label's rows, minus the same over all others, which count as much as
    the label's together.

    Args:
        log_p: `[C, N]` mean log p over a word's pieces, so p is their geometric mean.
        members: `[N, K]` which rows have which label.
        groups: of candidates; each has its own most likely words.

    Returns:
        `[K, C]`; minus infinity for words that are not among a label's `MOST_LIKELY`, and for
        labels without rows.
    """
    odds = log_p - np.log1p(-np.exp(np.minimum(log_p, _ALMOST_CERTAIN)))
    out = np.full((members.shape[1], len(log_p)), -np.inf, dtype=np.float32)
    for label, own in enumerate(members.T):
        if not own.any() or own.all():
            continue
        balance = own.sum() / (~own).sum()
        for group in map(np.array, groups):
            likely = group[most_likely(log_p[:, own][group], MOST_LIKELY)]
            out[label, likely] = odds[likely][:, own].sum(1) - balance * odds[likely][:, ~own].sum(
                1
            )
    return out


def most_likely(log_p: FloatArray, most: int) -> npt.NDArray[np.int64]:
    """Return the words with the largest Σ log p over rows, `log_p` being `[C, N]`, the best
    first."""
    return np.argsort(-log_p.sum(1), kind="stable")[:most]
