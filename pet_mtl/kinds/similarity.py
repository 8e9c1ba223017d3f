"""A number between two ends, each with its label words (LM-BFF, Gao et al. 2021)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from pet_mtl.kinds.kind import Decided, FloatArray, Gold, Kind, Prediction, ValuePrediction
from pet_mtl.metrics.gain import numbers_gain
from pet_mtl.metrics.similarity import SimilarityScore, counted_pearson, score_similarity

NEAR = 0.1  # of the range: what counts as right


class Similarity(Kind):
    """A row's target is a number; the prediction is low + p(high) · (high - low).

    The loss is the cross-entropy to the target's place between the ends, (1 - y, y). A target that
    is not a number is unknown.

    >>> import torch
    >>> from pet_mtl.suite.kind import KindSpec
    >>> kind = Similarity(KindSpec("similarity", ("0", "5"), range=(0.0, 5.0)))
    >>> kind.decide(kind.log_probs(torch.tensor([[0.0, 0.0]])).numpy()).tolist()
    [2.5]
    """

    def losses(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        known = ~targets.isnan()
        place = self._place(torch.where(known, targets, self.spec.range[0]))
        place = place * (1 - smoothing) + smoothing / 2
        losses = F.cross_entropy(scores, torch.stack([1 - place, place], -1), reduction="none")
        return losses * known

    def certain(self, gold: Gold) -> FloatArray:
        low, high = self.spec.range
        place = (gold - low) / (high - low)
        return np.stack([1 - place, place], -1).astype(np.float32)

    def decide(self, log_probs: FloatArray) -> Decided:
        low, high = self.spec.range
        return np.asarray(low + np.exp(log_probs[..., 1]) * (high - low))

    def right(self, gold: Gold, decided: Decided) -> npt.NDArray[np.bool_]:
        """Return which numbers lie within a tenth of the range of the target."""
        low, high = self.spec.range
        return np.asarray(np.abs(decided - gold) <= NEAR * (high - low))

    def score(self, gold: Gold, decided: Decided, *, resamples: int = 1000) -> SimilarityScore:
        return score_similarity(gold, decided, resamples=resamples)

    def gain(self, gold: Gold, before: Decided, after: Decided) -> tuple[float, float]:
        return numbers_gain(gold, before, after)

    def counted(
        self, gold: Gold, sides: Sequence[Decided], counts: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        return counted_pearson(gold, sides, counts)

    def written(self, decided: Decided) -> list[str]:
        # four digits, but never an exponent in place of those before the point
        return [f"{x:.4g}" if abs(x) < 9999.5 else f"{x:.0f}" for x in decided.tolist()]

    def cells(self, log_probs: FloatArray) -> Iterator[dict[str, Any]]:
        for value in self.decide(log_probs).tolist():
            yield {"value": value}

    def predictions(self, log_probs: FloatArray) -> list[Prediction]:
        values, done = self.decide(log_probs), list[Prediction]()
        of_rows = self.probabilities(log_probs).tolist()
        for text, value, of_row in zip(self.written(values), values.tolist(), of_rows, strict=True):
            probabilities = dict(zip(self.spec.labels, of_row, strict=True))
            done.append(ValuePrediction(text, of_row[1], probabilities, value=value))
        return done

    def _place(self, targets: Tensor) -> Tensor:
        low, high = self.spec.range
        return (targets - low) / (high - low)
