"""One of the labels: softmax, cross-entropy, macro-F1."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from pet_mtl.kinds.kind import Decided, FloatArray, Gold, Kind, Prediction
from pet_mtl.metrics.classification import TaskScore, counted_macro_f1, score_predictions
from pet_mtl.metrics.gain import macro_f1_gain
from pet_mtl.objectives.label_loss import label_loss, label_losses


class Classification(Kind):
    """A row has one label, and the label of the highest probability is chosen.

    >>> import torch
    >>> from pet_mtl.suite.kind import KindSpec
    >>> kind = Classification(KindSpec(labels=("a", "b")))
    >>> log_probs = kind.log_probs(torch.tensor([[0.0, 0.0], [0.0, 2.0]])).numpy()
    >>> kind.decide(log_probs).tolist()
    [0, 1]
    """

    def losses(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        return label_losses(scores, targets, smoothing)

    def loss(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        return label_loss(scores, targets, smoothing)

    def certain(self, gold: Gold) -> FloatArray:
        return np.eye(len(self.spec.labels), dtype=np.float32)[gold]

    def decide(self, log_probs: FloatArray) -> Decided:
        return np.asarray(log_probs.argmax(-1))

    def right(self, gold: Gold, decided: Decided) -> npt.NDArray[np.bool_]:
        return np.asarray(decided == gold)

    def score(self, gold: Gold, decided: Decided, *, resamples: int = 1000) -> TaskScore:
        return score_predictions(gold, decided, self.spec.labels, resamples=resamples)

    def gain(self, gold: Gold, before: Decided, after: Decided) -> tuple[float, float]:
        return macro_f1_gain(gold, before, after, len(self.spec.labels))[1]

    def counted(
        self, gold: Gold, sides: Sequence[Decided], counts: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        return counted_macro_f1(gold, sides, counts)

    def written(self, decided: Decided) -> list[str]:
        return [self.spec.labels[label] for label in decided.tolist()]

    def cells(self, log_probs: FloatArray) -> Iterator[dict[str, Any]]:
        best, labels = self.decide(log_probs), self.spec.labels
        probability = self.probabilities(log_probs[np.arange(len(best)), best])
        for label, p in zip(best.tolist(), probability.tolist(), strict=True):
            yield {"label": labels[label], "probability": p}

    def predictions(self, log_probs: FloatArray) -> list[Prediction]:
        labels, done = self.spec.labels, []
        for best, of_row in zip(
            self.decide(log_probs).tolist(), self.probabilities(log_probs).tolist(), strict=True
        ):
            probabilities = dict(zip(labels, of_row, strict=True))
            done.append(Prediction(labels[best], of_row[best], probabilities))
        return done
