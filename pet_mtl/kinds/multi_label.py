"""A set of labels: each stands against words for "none of them", or against the other labels."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from pet_mtl.kinds.kind import (
    Decided,
    FloatArray,
    Gold,
    Kind,
    Prediction,
    SetPrediction,
    weighted_mean,
)
from pet_mtl.metrics.gain import sets_gain
from pet_mtl.metrics.multi_label import MultiLabelScore, counted_macro_f1_of_sets, score_sets
from pet_mtl.suite.kind import set_text


class MultiLabel(Kind):
    """A row's target is a set of labels, `[K]` of 0 and 1; -1 everywhere is no target.

    Each label's log-odds are its score minus that of the `no` words, the last column; without
    these, minus the log of the sum of all others' exponents, so that its probability is its share
    among the labels. The loss is the sum of the labels' binary cross-entropies. A label is chosen
    from its threshold on: 0.5 with `no` words, else an equal share, unless thresholds were given or
    fitted on dev rows.

    >>> import torch
    >>> from pet_mtl.suite.kind import KindSpec
    >>> kind = MultiLabel(KindSpec("multi_label", ("a", "b"), no=True))
    >>> kind.decide(kind.log_probs(torch.tensor([[2.0, 0.0, 1.0]])).numpy()).tolist()
    [[True, False]]
    """

    def losses(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        known = targets[:, 0] >= 0
        wanted = targets.clamp(min=0) * (1 - smoothing) + smoothing / 2
        odds = self.log_probs(scores)
        return F.binary_cross_entropy_with_logits(odds, wanted, reduction="none").sum(-1) * known

    def guess_loss(self, columns: int) -> float:
        """Return it for a row with one label."""
        labels = self.width(columns)
        if self.spec.no:
            return labels * math.log(2)
        return math.log(labels) + (labels - 1) * math.log(labels / max(1, labels - 1))

    def teacher_loss(self, scores: Tensor, probs: Tensor, weights: Tensor) -> Tensor:
        odds = self.log_probs(scores)
        losses = F.binary_cross_entropy_with_logits(odds, probs, reduction="none").sum(-1)
        return (weights * losses).sum()

    def disagreement(self, scores: Tensor, others: Tensor) -> Tensor:
        """Return the sum over the labels, each of which is there or not."""
        one, other = self.log_probs(scores), self.log_probs(others)
        return ((one.sigmoid() - other.sigmoid()) * (one - other)).sum(-1)

    def log_probs(self, scores: Tensor) -> Tensor:
        if self.spec.no:
            return scores[..., :-1] - scores[..., -1:]
        columns = torch.arange(scores.shape[-1], device=scores.device)
        top = columns == scores.argmax(-1, keepdim=True)
        # the others are the sum less a label's own part; where that is nearly all of it, at the
        # largest, nothing would be left, and they are summed without it
        total = scores.logsumexp(-1, keepdim=True)
        share = (scores - total).exp().masked_fill(top, 0)  # 1/2 at most
        beside_top = scores.masked_fill(top, float("-inf")).logsumexp(-1, keepdim=True)
        return scores - torch.where(top, beside_top, total + torch.log1p(-share))

    def average(self, each: FloatArray, weights: npt.NDArray[np.float32]) -> FloatArray:
        return weighted_mean(each, weights)

    def probabilities(self, log_probs: FloatArray) -> FloatArray:
        """Return the probability of each label, independent of the others."""
        return np.asarray(np.exp(-np.logaddexp(0, -log_probs.astype(np.float64))))

    def from_probabilities(self, probabilities: FloatArray) -> FloatArray:
        p = probabilities.astype(np.float64).clip(1e-30, 1 - 1e-16)
        return np.asarray(np.log(p) - np.log1p(-p))

    def certain(self, gold: Gold) -> FloatArray:
        return np.asarray(gold, np.float32)

    @property
    def thresholds(self) -> npt.NDArray[np.float64]:
        """The probability `[K]` from which each label is chosen."""
        labels = len(self.spec.labels)
        if self.spec.thresholds:
            return np.array(self.spec.thresholds)
        return np.full(labels, 0.5 if self.spec.no else 1 / labels)

    def decide(self, log_probs: FloatArray) -> Decided:
        return np.asarray(self.probabilities(log_probs) >= self.thresholds)

    def right(self, gold: Gold, decided: Decided) -> npt.NDArray[np.bool_]:
        """Return for which rows the whole set is right."""
        return np.asarray((decided == (gold > 0)).all(-1))

    def score(self, gold: Gold, decided: Decided, *, resamples: int = 1000) -> MultiLabelScore:
        return score_sets(gold > 0, decided, self.spec.labels, resamples=resamples)

    def gain(self, gold: Gold, before: Decided, after: Decided) -> tuple[float, float]:
        return sets_gain(gold > 0, before, after)

    def counted(
        self, gold: Gold, sides: Sequence[Decided], counts: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        return counted_macro_f1_of_sets(gold > 0, sides, counts)

    def written(self, decided: Decided) -> list[str]:
        return [self._text(names) for names in self._names(decided)]

    def cells(self, log_probs: FloatArray) -> Iterator[dict[str, Any]]:
        probabilities = self.probabilities(log_probs).tolist()
        for names, of_row in zip(self._names(self.decide(log_probs)), probabilities, strict=True):
            yield {
                "labels": names,
                "probabilities": dict(zip(self.spec.labels, of_row, strict=True)),
            }

    def predictions(self, log_probs: FloatArray) -> list[Prediction]:
        decided, each = self.decide(log_probs), self.probabilities(log_probs)
        of_sets = np.where(decided, each, 1 - each).prod(-1).tolist()
        done: list[Prediction] = []
        for names, of_row, of_set in zip(self._names(decided), each.tolist(), of_sets, strict=True):
            probabilities = dict(zip(self.spec.labels, of_row, strict=True))
            text = self._text(names)
            done.append(SetPrediction(text, of_set, probabilities, labels=tuple(names)))
        return done

    def _text(self, names: list[str]) -> str:
        return set_text(names, self.spec.labels, self.spec.separator)

    def _names(self, decided: Decided) -> list[list[str]]:
        labels = self.spec.labels
        return [[labels[k] for k in np.flatnonzero(of_row > 0)] for of_row in decided]


def fit_thresholds(
    gold: Gold, probabilities: FloatArray, start: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return for each label the threshold with the best F1 on some rows, the nearest to `start`
    among equals; `start` where no row has the label.

    Candidates lie in the middle between neighbouring probabilities.

    Args:
        gold: `[N, K]` of 0 and 1.
        probabilities: `[N, K]`.
        start: `[K]` what is used without fitting.

    >>> gold, p = np.array([[0], [1], [1]]), np.array([[0.1], [0.2], [0.4]])
    >>> fit_thresholds(gold, p, np.array([0.5])).round(4).tolist()
    [0.15]
    """
    best = start.copy()
    for label in range(gold.shape[1]):
        own, p = gold[:, label] > 0, probabilities[:, label].astype(np.float64)
        if not own.any():
            continue
        order = np.argsort(-p, kind="stable")
        ordered = p[order]
        # the first n rows are chosen, for the n at which the probability falls
        ends = np.flatnonzero(np.append(ordered[:-1] > ordered[1:], True)) + 1
        hits = np.cumsum(own[order])[ends - 1]
        f1 = 2 * hits / (ends + own.sum())
        below = np.append(ordered, 0.0)[ends]
        middle = (ordered[ends - 1] + below) / 2
        # 0 would choose the label for every row there will ever be, 1 for none; farther from them
        # than need be, a threshold would pass rows whose probability it stands beside
        middle = np.clip(middle, np.finfo(p.dtype).tiny, np.nextafter(1, 0))
        top = np.flatnonzero(f1 >= f1.max() - 1e-12)
        best[label] = middle[top[np.argmin(np.abs(middle[top] - start[label]))]]
    return best
