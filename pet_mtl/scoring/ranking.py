"""Rows without labels in the order in which people should label them: the model's doubt first, and
texts unlike those before them.

Uncertainty sampling as in Settles, "Active Learning Literature Survey" (2009); diversity by maximal
marginal relevance (Carbonell and Goldstein 1998) over character n-grams, so that one doubt does not
fill the list with its copies.
"""

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from pet_mtl.cloze.columns import cut_text
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.kinds.multi_label import MultiLabel
from pet_mtl.scoring.records import Predicted

Ranking = Literal["entropy", "margin", "least_confidence", "diverse"]
FloatArray = NDArray[np.float32]
Blocks = Iterator[dict[str, Predicted]]
MOST = 100
_WIDTH = 512  # places of hashed character n-grams
_CANDIDATES = 10  # times as many rows as are wanted stand for choice when texts are compared


@dataclass(frozen=True)
class Order:
    """How rows are ranked.

    Attributes:
        by: entropy, margin (of the two likeliest labels) or least_confidence; diverse: entropy,
            less the likeness to rows that stand before.
        most: how many rows of each task are kept.
    """

    by: Ranking
    most: int = MOST

    def __call__(self, blocks: Blocks) -> Blocks:
        """Gather all predictions, and yield those of the first rows of each task in one block, with
        their `uncertainty`."""
        parts: dict[str, list[Predicted]] = {}
        for block in blocks:
            for name, predicted in block.items():
                parts.setdefault(name, []).append(predicted)
        ranked = {name: self._ranked(of_task) for name, of_task in parts.items()}
        if ranked:
            yield ranked

    def _ranked(self, parts: list[Predicted]) -> Predicted:
        first = parts[0]
        rows = Rows.concat([part.rows for part in parts])
        log_probs = np.concatenate([part.log_probs for part in parts])
        kind = kind_of(first.task)
        if isinstance(kind, MultiLabel):  # a half is where a label's decision turns
            from_threshold = log_probs - np.log(kind.thresholds) + np.log1p(-kind.thresholds)
            doubt = uncertainty(kind.probabilities(from_threshold), self.by, sets=True)
        else:
            doubt = uncertainty(kind.probabilities(log_probs), self.by)
        if self.by == "diverse":
            chosen = diverse(doubt, rows, self.most)
        else:
            chosen = np.argsort(-doubt, kind="stable")[: self.most]
        return replace(
            first, rows=rows.take(chosen), log_probs=log_probs[chosen], uncertainty=doubt[chosen]
        )


def ranking(name: str) -> Ranking:
    """Return a kind of ranking by its name.

    Raises:
        PetMtlError: there is none of that name.
    """
    if name not in get_args(Ranking):
        known = ", ".join(get_args(Ranking))
        raise PetMtlError(f"unknown ranking `{name}`", where="--rank", hint=f"one of {known}")
    return cast(Ranking, name)


def uncertainty(probabilities: FloatArray, by: Ranking, *, sets: bool = False) -> FloatArray:
    """Return how unsure the model is of each row, from 0 to 1.

    Args:
        probabilities: `[n, K]`.
        sets: each label is a yes or no of its own; the entropy is the mean over labels, margin and
            least confidence are those of the most doubtful label.

    Returns:
        `[n]`: entropy over log K, 1 - (p1 - p2), or (1 - p1) / (1 - 1/K).

    >>> uncertainty(np.array([[0.5, 0.5], [1.0, 0.0]], np.float32), "entropy").tolist()
    [1.0, 0.0]
    """
    p = np.asarray(probabilities, np.float64)
    if sets:
        each = np.stack([p, 1 - p], -1)  # [n, K, 2]
        of_label = _doubt(each, by)
        whole = of_label.max(-1) if by in ("margin", "least_confidence") else of_label.mean(-1)
        return np.asarray(whole, np.float32)
    return np.asarray(_doubt(p, by), np.float32)


def _doubt(p: NDArray[np.float64], by: Ranking) -> NDArray[np.float64]:
    """Return the doubt `[…]` of distributions `[…, K]`."""
    labels = p.shape[-1]
    if labels < 2:
        return np.zeros(p.shape[:-1])
    if by == "margin":
        first = np.sort(p, -1)
        return np.asarray(1 - (first[..., -1] - first[..., -2]))
    if by == "least_confidence":
        return np.asarray((1 - p.max(-1)) / (1 - 1 / labels))
    return np.asarray(-(p * np.log(p.clip(1e-30))).sum(-1) / np.log(labels) + 0.0)  # no -0.0


def diverse(doubt: FloatArray, rows: Rows, most: int) -> NDArray[np.int64]:
    """Return the numbers of at most `most` rows: each is the one with the highest doubt less its
    largest likeness (cosine of character n-grams) to those that were chosen before it.

    Of many rows only the most doubtful, ten times as many as are wanted, are compared.
    """
    pool = np.argsort(-doubt, kind="stable")[: _CANDIDATES * most]
    vectors = text_vectors(rows.take(pool))
    left = np.asarray(doubt[pool], np.float32)
    # A likeness can only grow, so a gain that is out of date is never too small: the row with the
    # highest is compared with what was chosen since, and taken where it still has the highest.
    gain, likeness, compared = left.copy(), np.zeros_like(left), np.zeros(len(pool), np.int64)
    taken = np.empty((min(most, len(pool)), _WIDTH), np.float32)  # vectors of the chosen rows
    chosen: list[int] = []
    while len(chosen) < len(taken):
        best, count = int(np.argmax(gain)), len(chosen)
        if compared[best] == count:
            taken[count] = vectors[best]
            chosen.append(best)
            gain[best] = -np.inf
            continue
        new = taken[compared[best] : count] @ vectors[best]
        likeness[best] = max(likeness[best], new.max())
        gain[best] = left[best] - likeness[best]
        compared[best] = count
    return np.asarray(pool[chosen], np.int64)


def text_vectors(rows: Rows) -> FloatArray:
    """Return unit vectors `[n, 512]` of the hashed characters and pairs of characters of each row's
    texts, cut as `cut_text` does; of an empty text, zeros."""
    out = np.zeros((len(rows), _WIDTH), np.float32)
    columns = [column.to_pylist() for column in rows.fields.values()]
    for number, texts in enumerate(zip(*columns, strict=True)):
        for text in map(cut_text, texts):
            units = Counter(text)
            units.update(map("".join, pairwise(text)))
            at = [zlib.crc32(unit.encode("utf-8", "surrogatepass")) % _WIDTH for unit in units]
            np.add.at(out[number], at, [*units.values()])
    lengths = np.linalg.norm(out, axis=1, keepdims=True)
    return np.asarray(out / np.maximum(lengths, 1e-12), np.float32)


def ranked_blocks(order: Order | None, blocks: Blocks) -> Blocks:
    """Return predictions as they come, or ranked."""
    return blocks if order is None else order(blocks)
