"""How well predicted labels match gold labels: accuracy, macro-F1 with its uncertainty, and the
confusion matrix."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.metrics.score import Figure, LabelScore, interval_95, label_scores, ratio, with_limits
from pet_mtl.random_streams import RESAMPLED_ROWS
from pet_mtl.text import counted

# Drawing a cell's count takes as long as drawing so many rows; few cells are drawn as counts.
_ROWS_OF_A_CELL = 10
_MANY_CELLS = 1000
_FEW_LABELS = 150
_DRAWN = 1 << 22  # counts at a time: one for each resample and cell


@dataclass(frozen=True)
class TaskScore:
    """How well one task is solved; `confusion` has gold rows and predicted columns, in verbalizer
    order."""

    accuracy: float
    macro_f1: float
    macro_f1_ci95: tuple[float, float]
    examples: int
    per_label: dict[str, LabelScore]
    confusion: list[list[int]]

    @property
    def main(self) -> Figure:
        return Figure("macro-F1", self.macro_f1, self.macro_f1_ci95)

    def value(self, metric: str) -> float:
        """Return what a checkpoint is chosen by."""
        return float(getattr(self, metric))

    def summary(self) -> dict[str, float]:
        """Return the figures that are logged at each evaluation."""
        return {"macro_f1": self.macro_f1, "accuracy": self.accuracy}

    def shown(self) -> list[tuple[str, str, str]]:
        """Return the figures of a report: name, value, note."""
        low, high = self.macro_f1_ci95
        right = sum(row[k] for k, row in enumerate(self.confusion))
        return [
            ("macro-F1", f"{self.macro_f1:.3f}", f"95 % interval {low:.3f} – {high:.3f}"),
            ("accuracy", f"{self.accuracy:.3f}", f"{counted(right, 'row')} right"),
            ("rows", f"{self.examples:,}", f"{len(self.per_label)} labels"),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the score as plain JSON values, in the form that `score --json` prints."""
        per_label = {label: asdict(each) for label, each in self.per_label.items()}
        # the matrix as it is: `asdict` takes seconds to copy that of some thousand labels
        own = {**vars(self), "per_label": per_label}
        return own | {"macro_f1_ci95": list(self.macro_f1_ci95)}


def score_predictions(
    gold: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    labels: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> TaskScore:
    """Score predictions, both [N] indices into `labels`.

    Macro-F1 is scikit-learn's: the mean over the labels that occur in `gold` or `predicted`, 0
    where a ratio is undefined. Its 95 % interval is the percentile bootstrap over rows, and
    `with_limits`.

    Raises:
        ValueError: no rows, different lengths, or an index outside `labels` (such as -1, a row
            without a label).

    >>> score = score_predictions(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), ["故事", "文化",
    ...     "娱乐"])
    >>> score.accuracy, round(score.macro_f1, 4), score.confusion
    (0.75, 0.7778, [[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    """
    confusion = confusion_matrix(gold, predicted, len(labels))
    # As scikit-learn computes them (the tests' oracle), without the second and the 70 MB that
    # importing it takes.
    hits, support, taken = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    interval = interval_95(bootstrap_macro_f1(confusion, resamples=resamples, seed=seed))
    return TaskScore(
        accuracy=float(np.trace(confusion) / confusion.sum()),
        macro_f1=macro_f1(confusion),
        macro_f1_ci95=with_limits(interval, int(hits.sum()), len(gold)),
        examples=len(gold),
        per_label=label_scores(labels, hits, support, taken),
        confusion=confusion.tolist(),
    )


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Return macro-F1 of a confusion matrix `[K, K]`: over the labels that occur."""
    total = confusion.sum(axis=1) + confusion.sum(axis=0)
    return float(np.mean(ratio(2 * np.diag(confusion), total)[total > 0]))


def confusion_matrix(
    gold: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], size: int
) -> NDArray[np.int64]:
    """Count the rows of each gold and predicted pair, [K, K] with gold rows and predicted columns.

    Raises:
        ValueError: no rows, different lengths, or an index outside `range(size)`.
    """
    if gold.shape != predicted.shape or gold.ndim != 1 or len(gold) == 0:
        raise ValueError(
            "Parameters `gold` and `predicted` should have the same shape (N,) with N ≥ 1. "
            f"Found `gold.shape = {gold.shape}` and `predicted.shape = {predicted.shape}`."
        )
    for name, indices in (("gold", gold), ("predicted", predicted)):
        if indices.min() < 0 or indices.max() >= size:
            found = f"{indices.min()} … {indices.max()}"
            raise ValueError(
                f"Parameter `{name}` should hold indices from 0 to {size - 1}. Found {found}."
            )
    cells = np.bincount(
        gold.astype(np.int64) * size + predicted.astype(np.int64), minlength=size * size
    )
    return cells.reshape(size, size)


def bootstrap_macro_f1(
    confusion: NDArray[np.int64], *, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Return the macro-F1 of each of the resamples, [resamples].

    Drawing N rows with replacement is drawing the cells of the confusion matrix from a multinomial
    distribution, so no resample is ever spelled out as rows.
    """
    gold, predicted = np.nonzero(confusion)
    parts = resampled_parts(confusion[gold, predicted], resamples=resamples, seed=seed)
    return np.concatenate([cells_macro_f1(p, gold, predicted, len(confusion)) for p in parts])


def cells_macro_f1(
    counts: NDArray[Any],
    gold: NDArray[np.int64],
    predicted: NDArray[np.int64],
    size: int,
) -> NDArray[np.float64]:
    """Return macro-F1 for each row of `counts` `[R, cells]`.

    Args:
        gold, predicted: `[cells]` label indices below `size`.
    """
    # gold rows + predicted rows of each label, [R, K]
    total = _label_sums(counts, gold, size) + _label_sums(counts, predicted, size)
    hit = np.where(gold == predicted, gold, size)  # wrong cells behind the labels
    hits = _label_sums(counts, hit, size + 1)[:, :size]
    return np.asarray(ratio(2 * hits, total).sum(axis=1) / (total > 0).sum(axis=1))


def counted_macro_f1(
    gold: NDArray[np.int64], sides: Sequence[NDArray[np.int64]], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return macro-F1 `[R]`, the mean over several predictions of the same rows, where row `n`
    counts `counts[r, n]` times.

    Args:
        gold: label numbers `[N]`; each of `sides` likewise.

    >>> gold, counts = np.array([0, 1]), np.array([[1, 1], [2, 0]])
    >>> counted_macro_f1(gold, [gold, np.array([0, 0])], counts).round(4).tolist()
    [0.6667, 1.0]
    """
    size = 1 + max(int(each.max()) for each in (gold, *sides))
    drawn = counts.astype(np.float64)  # once for all products
    each = [cells_macro_f1(drawn, gold, side, size) for side in sides]
    return np.asarray(np.mean(each, axis=0))


def _label_sums(counts: NDArray[Any], labels: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the sum `[R, K]` of each label's cells."""
    if size <= _FEW_LABELS:  # the quickest way, but it takes cells times labels
        one_hot = (labels[:, None] == np.arange(size)).astype(np.float64)
        return np.asarray((counts @ one_hot).astype(np.int64))  # exact below 2^53
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    sums = np.zeros((len(counts), size), np.int64)
    sums[:, present] = np.add.reduceat(counts.T[order], starts, axis=0).T
    return sums


def resampled_parts(
    counts: NDArray[np.int64], *, resamples: int, seed: int = 0
) -> Iterator[NDArray[np.int64]]:
    """Draw as many rows with replacement as there are, and count those of each cell; yield
    `[some resamples, cells]` until there are `resamples`.

    Args:
        counts: rows of each cell, which are all alike.
    """
    generator = RESAMPLED_ROWS.generator(seed)
    most = max(1, _DRAWN // len(counts))
    for start in range(0, resamples, most):
        yield drawn_counts(counts, min(most, resamples - start), generator)


def drawn_counts(
    counts: NDArray[np.int64], resamples: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return what `resampled_parts` yields, `[resamples, cells]` at once."""
    rows = int(counts.sum())
    if len(counts) <= _MANY_CELLS or rows > _ROWS_OF_A_CELL * len(counts):
        return generator.multinomial(rows, counts / rows, size=resamples)
    of_row = np.repeat(np.arange(len(counts)), counts)
    drawn = np.empty((resamples, len(counts)), np.int64)
    for resample in drawn:
        chosen = of_row[generator.integers(rows, size=rows, dtype=np.int32)]
        resample[:] = np.bincount(chosen, minlength=len(counts))
    return drawn
