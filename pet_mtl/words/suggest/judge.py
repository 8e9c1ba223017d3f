"""Label words judged on the two parts of the training rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pet_mtl.kinds.kind import normalized
from pet_mtl.metrics.classification import confusion_matrix
from pet_mtl.metrics.gain import macro_f1
from pet_mtl.scoring.log_probs import FloatArray

Words = tuple[tuple[int, ...], ...]  # for each label the candidates that are its words
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judge:
    """Macro-F1 of label words, by the scoring rule and, if wanted, with the prior calibration of
    the fitting rows.

    Attributes:
        scores: `[F, C, N]` candidate scores on the fitting rows, then on the held-out rows.
        gold: `[N]` label indices.
        fitting: how many rows are of the fitting part.
        aggregation: of a label's word scores.
        calibrated: whether label scores are calibrated.
        weights: `[F]` of the patterns in the mean of their log-probabilities; None: all alike.
    """

    scores: FloatArray
    gold: IntArray
    fitting: int
    aggregation: str
    calibrated: bool
    weights: tuple[float, ...] | None = None

    def fitting_part(self) -> "Judge":
        """Return the judge that knows the fitting rows only."""
        return replace(
            self,
            scores=self.scores[..., : self.fitting],
            gold=self.gold[: self.fitting],
        )

    def label_scores(self, words: Sequence[int]) -> FloatArray:
        """Return the scores `[F, N]` of a label with these words."""
        of_words = self.scores[:, list(words)]
        if self.aggregation == "mean":
            return np.asarray(of_words.mean(1))
        return np.asarray(
            of_words.max(1) if self.aggregation == "max" else _log_sum_exp(of_words, 1)[:, 0]
        )

    def all_scores(self, words: Words) -> FloatArray:
        """Return the scores `[F, N, K]` of all labels."""
        return np.stack([self.label_scores(of_label) for of_label in words], axis=-1)

    def predict(self, scores: FloatArray) -> IntArray:
        """Return the predicted labels `[N]` for label scores `[F, N, K]`."""
        log_probs = np.average(normalized(scores), axis=0, weights=self.weights)
        if self.calibrated:
            log_probs = normalized(log_probs)
            log_probs = log_probs - _log_sum_exp(log_probs[: self.fitting], 0)
        return np.asarray(log_probs.argmax(-1))

    def macro_f1(self, scores: FloatArray) -> float:
        """Return macro-F1 on all rows for label scores `[F, N, K]`."""
        return macro_f1(confusion_matrix(self.gold, self.predict(scores), scores.shape[-1]))

    def macro_f1_with(
        self, scores: FloatArray, label: int, choices: Sequence[Sequence[int]]
    ) -> npt.NDArray[np.float64]:
        """Return macro-F1 on all rows with the words of one label exchanged, for each choice of
        words.

        Args:
            scores: `[F, N, K]` label scores with the words as they are.
        """
        changed = scores.copy()
        found = np.empty(len(choices))
        for number, words in enumerate(choices):
            changed[..., label] = self.label_scores(words)
            found[number] = self.macro_f1(changed)
        return found


def _log_sum_exp(values: FloatArray, axis: int) -> FloatArray:
    """Return log Σ exp along an axis, which stays with length 1; several times faster than
    `np.logaddexp.reduce`."""
    most = values.max(axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - most).sum(axis, keepdims=True)) + most)
