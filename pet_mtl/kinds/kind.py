"""What every kind of task gives."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pet_mtl.metrics.score import Score
from pet_mtl.objectives.distillation import disagreement, teacher_loss
from pet_mtl.suite.kind import KindSpec

FloatArray = npt.NDArray[np.float32]
Gold = npt.NDArray[Any]  # a target for each row: what `Rows.gold` returns
Decided = npt.NDArray[Any]  # a decision for each row, of the same shape as its target


@dataclass(frozen=True)
class Prediction:
    """What is predicted of one row.

    Attributes:
        label: the raw label, as it stands in the training data; of a set or a number, its text.
        probability: of that label; of a set, that all its labels and no other are right; of a
            number, how near it lies to the high end.
        probabilities: of all labels.
    """

    label: str
    probability: float
    probabilities: dict[str, float]

    @property
    def more(self) -> dict[str, Any]:
        """What the kind says beside these, as plain JSON values."""
        return {}


@dataclass(frozen=True)
class SetPrediction(Prediction):
    """The predicted labels of one row of a `multi_label` task."""

    labels: tuple[str, ...] = ()

    @property
    def more(self) -> dict[str, Any]:
        return {"labels": list(self.labels)}


@dataclass(frozen=True)
class ValuePrediction(Prediction):
    """The predicted number of one row of a `similarity` task."""

    value: float = 0.0

    @property
    def more(self) -> dict[str, Any]:
        return {"value": self.value}


class Kind(ABC):
    """What a task's label scores mean.

    `C` are the columns that the model scores, `K` those that the kind makes of them; both are the
    task's labels, under one softmax, unless the kind says otherwise.

    Args:
        spec: the kind with the task's labels.
    """

    def __init__(self, spec: KindSpec) -> None:
        self.spec = spec

    @property
    def one_label(self) -> bool:
        """Whether a row has one of the labels, so that labels can be counted and weighed."""
        return self.spec.facts.target == "label"

    @abstractmethod
    def losses(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return the loss `[b]` of each row, 0 for rows without a target.

        Args:
            scores: what `label_scores` makes of `[b, C]`.
            targets: `[b, …]` as `Rows.gold` has them.
            smoothing: share of the target that all outcomes get alike.
        """

    def loss(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return the sum of `losses`."""
        return self.losses(scores, targets, smoothing).sum()

    def guess_loss(self, columns: int) -> float:
        """Return the loss of a row whose `C` columns of scores are all alike."""
        return math.log(max(2, columns))

    def teacher_loss(self, scores: Tensor, probs: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted sum over rows of the cross-entropy of scores `[b, C]` to a teacher's
        probabilities `[b, K]`; `weights` is `[b]`."""
        return teacher_loss(scores, probs, weights)

    def disagreement(self, scores: Tensor, others: Tensor) -> Tensor:
        """Return how far apart `[b]` the outcomes of two scores `[b, C]` of a row are: KL(p‖q) +
        KL(q‖p)."""
        return disagreement(scores, others)

    def log_probs(self, scores: Tensor) -> Tensor:
        """Return label log-probabilities `[b, K]` for scores `[b, C]`; of a kind whose labels are
        independent, their log-odds."""
        return scores.log_softmax(-1)

    def label_scores(self, scores: Tensor) -> Tensor:
        """Return what loss terms and `loss` read of scores `[b, C]`."""
        return scores

    def width(self, columns: int) -> int:
        """Return `K` for `C` columns of scores."""
        return columns - self.spec.no

    def combine(self, each: Tensor) -> Tensor:
        """Return log-probabilities `[patterns, rows, K]` for those of all forms of a task,
        `[forms, rows, …]`."""
        return each

    def taught(self, probs: Tensor, hypothesis: int | None) -> Tensor:
        """Return what a teacher's probabilities `[b, K]` say of the prompts of a form, as
        `teacher_loss` wants them."""
        return probs

    def average(self, each: FloatArray, weights: npt.NDArray[np.float32]) -> FloatArray:
        """Return the log-probabilities `[rows, K]` that several patterns `[patterns, rows, K]` say
        together."""
        return normalized(weighted_mean(each, weights))

    def probabilities(self, log_probs: FloatArray) -> FloatArray:
        """Return the probabilities of log-probabilities `[…, K]`."""
        return np.exp(log_probs)

    def from_probabilities(self, probabilities: FloatArray) -> FloatArray:
        """Return the log-probabilities that `probabilities` turns into these."""
        return np.asarray(np.log(probabilities.clip(1e-30)))

    @abstractmethod
    def certain(self, gold: Gold) -> FloatArray:
        """Return the probabilities `[rows, K]` that leave no doubt of known targets `[rows, …]`."""

    @abstractmethod
    def decide(self, log_probs: FloatArray) -> Decided:
        """Return the decision `[…]` for log-probabilities `[…, K]`."""

    @abstractmethod
    def right(self, gold: Gold, decided: Decided) -> npt.NDArray[np.bool_]:
        """Return `[…, rows]` which decisions are right."""

    @abstractmethod
    def score(self, gold: Gold, decided: Decided, *, resamples: int = 1000) -> Score:
        """Score the decisions of rows.

        Args:
            resamples: of the interval, most of the time that scoring takes; 1 where nobody reads
                it.
        """

    @abstractmethod
    def gain(self, gold: Gold, before: Decided, after: Decided) -> tuple[float, float]:
        """Return the 95 % interval of what `after` gains over `before` in the main figure of
        `score`, by the paired bootstrap over rows."""

    @abstractmethod
    def counted(
        self, gold: Gold, sides: Sequence[Decided], counts: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Return the main figure of `score`, the mean over several decisions of the same rows, for
        each resample of these, `[R]`.

        Args:
            counts: `[R, N]` how often each of the `N` rows is drawn, `N` times in all.
        """

    @abstractmethod
    def written(self, decided: Decided) -> list[str]:
        """Return the text of each target or decision, as it stands in data files."""

    @abstractmethod
    def cells(self, log_probs: FloatArray) -> Iterator[dict[str, Any]]:
        """Yield what a file of predictions says of each row: text, numbers and lists by name."""

    @abstractmethod
    def predictions(self, log_probs: FloatArray) -> list[Prediction]:
        """Return what Python gets for each row."""


def weighted_mean(each: FloatArray, weights: npt.NDArray[np.float32]) -> FloatArray:
    """Return the mean of patterns `[patterns, …]`, by their weights where these differ."""
    if (weights == weights[0]).all():
        return np.asarray(each.mean(0))
    return np.asarray(np.average(each, axis=0, weights=weights))


def normalized(scores: npt.NDArray[Any], axis: int = -1) -> npt.NDArray[Any]:
    """Return log-probabilities: scores less the logarithm of the sum of their exponentials along an
    axis.

    torch's kernel takes a fifteenth of the time of `np.logaddexp.reduce`, and rounds a fourth as
    much in float32.

    >>> np.exp(normalized(np.array([[1.0, 1.0], [0.0, np.log(3)]]))).round(3).tolist()
    [[0.5, 0.5], [0.25, 0.75]]
    """
    found: npt.NDArray[Any] = torch.from_numpy(scores).log_softmax(axis).numpy()
    return found
