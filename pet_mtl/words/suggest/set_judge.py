"""Label words of sets judged on the two parts of the training rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from pet_mtl.kinds.kind import Decided, Gold
from pet_mtl.kinds.multi_label import MultiLabel, fit_thresholds
from pet_mtl.metrics.gain import sets_gain
from pet_mtl.metrics.score import ratio
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.words.suggest.judge import Judge, Words


@dataclass(frozen=True, kw_only=True)
class SetJudge(Judge):
    """`Judge` of a task whose rows have sets of labels; predictions are `[N, K]`, whether a row has
    a label. Scores are kept pattern by pattern, `[F, N, K]`: the log-odds of a label are not linear
    in them.

    Attributes:
        kind: of the task.
        fits: thresholds are fitted on the fitting rows, from those of `kind` on.
        none: the words that stand for none of the labels, as the words of one label; empty where
            the task has no such words.
    """

    kind: MultiLabel
    fits: bool
    none: Words

    def label_scores(self, words: Sequence[int]) -> FloatArray:
        """Return the scores `[F, N]` of a label with these words."""
        return self.of_patterns(words)

    def predict(self, scores: FloatArray) -> Decided:
        return self._chosen(scores, self.gold, self.kind.thresholds)

    def _chosen(
        self, scores: FloatArray, gold: Gold, thresholds: npt.NDArray[np.float64]
    ) -> Decided:
        """Return which rows have which of some labels `[N, k]`, from scores `[F, N, k]`.

        Args:
            gold: of these labels `[N, k]`.
            thresholds: theirs `[k]`, from which those that are fitted start.
        """
        of_none = [self.of_patterns(words)[..., None] for words in self.none]
        each = self.kind.log_probs(torch.from_numpy(np.concatenate([scores, *of_none], -1))).numpy()
        odds = self.kind.average(each, np.array(self.weights or [1] * len(each), np.float32))
        probabilities, fitting = self.kind.probabilities(odds), slice(self.fitting)
        if self.fits:
            thresholds = fit_thresholds(gold[fitting], probabilities[fitting], thresholds)
        return np.asarray(probabilities >= thresholds)

    def predict_with(
        self, scores: FloatArray, label: int, choices: Sequence[Sequence[int]]
    ) -> Iterator[Decided]:
        own, before = slice(label, label + 1), self.predict(scores)
        for words in choices:
            self.on_step()
            tried = scores.copy()
            tried[..., label] = self.label_scores(words)
            if not self.none:
                yield self.predict(tried)
                continue
            # labels stand against these words, not against one another: the others stay
            after, gold = before.copy(), self.gold[:, own]
            after[:, own] = self._chosen(tried[..., own], gold, self.kind.thresholds[own])
            yield after

    def f1_of(self, gold: Gold, predicted: Decided, labels: int) -> float:
        hits, total = ((gold > 0) & predicted).sum(0), (gold > 0).sum(0) + predicted.sum(0)
        return float(ratio(2 * hits, total).mean())

    def held_out_gain(
        self, before: Decided, after: Decided, labels: int
    ) -> tuple[float, tuple[float, float]]:
        gold = self.gold[self.fitting :]
        gain = self.f1_of(gold, after, labels) - self.f1_of(gold, before, labels)
        return gain, sets_gain(gold > 0, before, after)
