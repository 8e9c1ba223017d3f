"""Label words judged on the two parts of the training rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pet_mtl.kinds.kind import Decided, Gold, normalized
from pet_mtl.metrics.gain import macro_f1_gain
from pet_mtl.metrics.score import ratio
from pet_mtl.scoring.log_probs import FloatArray

Words = tuple[tuple[int, ...], ...]  # for each label the candidates that are its words
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def members(gold: Gold, labels: int) -> BoolArray:
    """Return which rows have which label, `[N, K]`.

    Args:
        gold: `[N]` label indices, or `[N, K]` of 0 and 1.
    """
    return np.asarray(gold > 0 if gold.ndim == 2 else gold[:, None] == np.arange(labels))


@dataclass(frozen=True)
class Judge:
    """Macro-F1 of label words, by the scoring rule and, if wanted, with the prior calibration of
    the fitting rows.

    Attributes:
        scores: `[F, C, N]` candidate scores on the fitting rows, then on the held-out rows.
        gold: `[N]` label indices; of sets (`SetJudge`) `[N, K]` of 0 and 1.
        fitting: how many rows are of the fitting part.
        aggregation: of a label's word scores.
        calibrated: whether label scores are calibrated.
        weights: `[F]` of the patterns in the mean of their log-probabilities; None: all alike.
        on_step: called for each label whose words are tried; what it raises ends the search.
    """

    scores: FloatArray
    gold: Gold
    fitting: int
    aggregation: str
    calibrated: bool
    weights: tuple[float, ...] | None = None
    on_step: Callable[[], None] = lambda: None

    def fitting_part(self) -> "Judge":
        """Return the judge that knows the fitting rows only."""
        return replace(
            self,
            scores=self.scores[..., : self.fitting],
            gold=self.gold[: self.fitting],
        )

    def of_patterns(self, words: Sequence[int]) -> FloatArray:
        """Return the scores `[F, N]` of a label with these words."""
        of_words = self.scores[:, list(words)]
        if self.aggregation == "mean":
            return np.asarray(of_words.mean(1))
        return of_words.max(1) if self.aggregation == "max" else _log_sum_exp(of_words, 1)[:, 0]

    def label_scores(self, words: Sequence[int]) -> FloatArray:
        """Return the scores `[N]` of a label with these words, the mean over the patterns."""
        # Each pattern's log-probabilities differ from its scores by one number a row, and so do
        # their means: the order of the labels is that of the scores.
        return np.asarray(self._shares @ self.of_patterns(words))

    @cached_property
    def _shares(self) -> FloatArray:
        """Return the share `[F]` of each pattern in the mean over them."""
        weights = np.array(self.weights or [1.0] * len(self.scores))
        return np.asarray(weights / weights.sum(), np.float32)

    def all_scores(self, words: Words) -> FloatArray:
        """Return the scores `[N, K]` of all labels."""
        return np.stack([self.label_scores(of_label) for of_label in words], axis=-1)

    def predict(self, scores: FloatArray) -> Decided:
        """Return the predicted labels `[N]` for label scores `[N, K]`."""
        if self.calibrated:
            log_probs = normalized(scores)
            scores = log_probs - _log_sum_exp(log_probs[: self.fitting], 0)
        return np.asarray(scores.argmax(-1))

    def macro_f1(self, scores: FloatArray) -> float:
        """Return macro-F1 on all rows for label scores `[N, K]`."""
        return self.f1_of(self.gold, self.predict(scores), scores.shape[-1])

    def f1_of(self, gold: Gold, predicted: Decided, labels: int) -> float:
        """Return the macro-F1 of predictions, without the `[K, K]` cells of a confusion matrix."""
        hits = np.bincount(gold[predicted == gold], minlength=labels)
        total = np.bincount(gold, minlength=labels) + np.bincount(predicted, minlength=labels)
        return float(ratio(2 * hits, total).sum() / np.count_nonzero(total))

    def held_out_gain(
        self, before: Decided, after: Decided, labels: int
    ) -> tuple[float, tuple[float, float]]:
        """Return the gain in macro-F1 on the held-out rows and its 95 % interval, by the paired
        bootstrap.

        Args:
            before, after: predictions of the held-out rows.
        """
        return macro_f1_gain(self.gold[self.fitting :], before, after, labels)

    def macro_f1_with(
        self, scores: FloatArray, label: int, choices: Sequence[Sequence[int]]
    ) -> npt.NDArray[np.float64]:
        """Return macro-F1 on all rows with the words of one label exchanged, for each choice of
        words.

        Args:
            scores: `[N, K]` label scores with the words as they are.
        """
        predicted = self.predict_with(scores, label, choices)
        return np.array([self.f1_of(self.gold, each, scores.shape[-1]) for each in predicted])

    def predict_with(
        self, scores: FloatArray, label: int, choices: Sequence[Sequence[int]]
    ) -> Iterator[Decided]:
        """Yield the predicted labels `[N]` with the words of one label exchanged, for each choice
        of words.

        What the other labels have in common for all choices is computed once: a choice costs a row
        the few labels that any choice's priors could make its likeliest, not all of them.

        Args:
            scores: `[N, K]` label scores with the words as they are.
        """
        self.on_step()
        if not choices:
            return
        own = np.stack([self.label_scores(words) for words in choices])  # [C, N]
        numbers = np.delete(np.arange(scores.shape[-1]), label)  # of the other labels
        others = scores[:, numbers]
        priors = np.zeros((len(choices), len(numbers)), np.float32)
        if self.calibrated:
            own, priors = self._less_prior(own, others)
        least = (others - priors.max(0)).max(1, keepdims=True)
        rows, rivals = np.nonzero(others - priors.min(0) >= least)
        starts, theirs = np.flatnonzero(np.diff(rows, prepend=-1)), others[rows, rivals]
        best = np.empty(len(scores), np.int64)
        for mine, prior in zip(own, priors, strict=True):
            values = theirs - prior[rivals]
            top = np.maximum.reduceat(values, starts)
            likeliest = np.flatnonzero(values == top[rows])[::-1]  # the first of equals comes last
            best[rows[likeliest]] = numbers[rivals[likeliest]]
            wins = (mine > top) | ((mine == top) & (label < best))
            yield np.where(wins, label, best)

    def _less_prior(self, own: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the scores `[C, N]` that a label has with some choices of words, less the log of
        its prior with each, and the log priors `[C, K - 1]` of the other labels beside it, whose
        scores are `others` `[N, K - 1]`; but for what all labels of a row have in common."""
        sums = _log_sum_exp(others, 1)[:, 0]
        totals = np.logaddexp(sums, own)  # [C, N]
        shares = (others - sums[:, None])[: self.fitting].astype(np.float64)
        most = shares.max(0)
        of_others = np.exp((sums - totals)[:, : self.fitting].astype(np.float64))
        priors = np.log(of_others @ np.exp(shares - most)) + most
        of_own = _log_sum_exp((own - totals)[:, : self.fitting], 1)
        return own - of_own, priors.astype(np.float32)


def _log_sum_exp(values: FloatArray, axis: int) -> FloatArray:
    """Return log Σ exp along an axis, which stays with length 1; several times faster than
    `np.logaddexp.reduce`."""
    most = values.max(axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - most).sum(axis, keepdims=True)) + most)
