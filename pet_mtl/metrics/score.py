"""What the scores of all kinds of task have in common."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelScore:
    """How well one label is found; `support` counts its gold rows."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Figure:
    """One figure with its 95 % interval, as tables and reports show it."""

    name: str
    value: float
    ci95: tuple[float, float]


class Score(Protocol):
    """How well one task is solved."""

    @property
    def examples(self) -> int:
        """The rows that were scored."""

    @property
    def per_label(self) -> Mapping[str, LabelScore]:
        """How well each label is found; empty where there are no labels to find."""

    @property
    def confusion(self) -> Sequence[Sequence[int]]:
        """Gold rows and predicted columns `[K, K]`; empty where a row has not one of the labels."""

    @property
    def main(self) -> Figure:
        """The figure that stands for the task."""

    def value(self, metric: str) -> float:
        """Return what a checkpoint is chosen by: more is better."""

    def summary(self) -> dict[str, float]:
        """Return the figures that are logged at each evaluation."""

    def shown(self) -> list[tuple[str, str, str]]:
        """Return the figures of a report: name, value, note."""

    def to_json(self) -> dict[str, Any]:
        """Return the score as plain JSON values, in the form that `score --json` prints."""


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Return `part / whole`, 0 where `whole` is 0."""
    out = np.zeros(part.shape)
    return np.asarray(np.divide(part, whole, out=out, where=whole > 0, dtype=np.float64))


def label_scores(
    labels: Sequence[str],
    hits: NDArray[np.int64],
    support: NDArray[np.int64],
    taken: NDArray[np.int64],
) -> dict[str, LabelScore]:
    """Return how well each label is found.

    Args:
        hits: `[K]` rows that have the label and are given it.
        support: `[K]` rows that have it.
        taken: `[K]` rows that are given it.
    """
    precision, recall = ratio(hits, taken), ratio(hits, support)
    f1 = ratio(2 * hits, support + taken)
    return {
        label: LabelScore(float(precision[k]), float(recall[k]), float(f1[k]), int(support[k]))
        for k, label in enumerate(labels)
    }


def interval_95(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of a figure, by its percentiles over resamples `[R]`."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def with_limits(interval: tuple[float, float], right: int, rows: int) -> tuple[float, float]:
    """Widen a bootstrap interval of a score where all rows are right, or none.

    Such rows give the same score however they are drawn, which would look like certainty. The
    interval then reaches to the exact binomial limit of the share of right rows (Clopper and
    Pearson 1934).

    >>> [[round(end, 3) for end in with_limits((1.0, 1.0), n, n)] for n in (10, 1000)]
    [[0.692, 1.0], [0.996, 1.0]]
    """
    low, high = interval
    limit = 0.025 ** (1 / rows)
    if right == rows:
        return low * limit, high
    return (low, 1 - limit) if high == 0 else interval


def figure_title(name: str) -> str:
    """Return what a figure of `Score.summary` is called in tables.

    >>> [figure_title(name) for name in ("macro_f1", "macro_f1_level_1", "pearson", "mae")]
    ['macro-F1', 'macro-F1 level 1', 'Pearson', 'MAE']
    """
    known = {"pearson": "Pearson", "spearman": "Spearman", "mae": "MAE"}
    return known.get(name, name.replace("_f1", "-F1").replace("_", " "))


def figures_title(metrics: Mapping[str, str]) -> str:
    """Return what the tasks' figures are, those of other tasks than the first named.

    >>> figures_title({"a": "macro_f1", "b": "pearson"})
    'macro-F1 (b: Pearson)'
    """
    first, *_ = map(figure_title, metrics.values())
    titles = {task: figure_title(metric) for task, metric in metrics.items()}
    others = [f"{task}: {title}" for task, title in titles.items() if title != first]
    return f"{first} ({', '.join(others)})" if others else first


def mean_key(metrics: Iterable[str]) -> str:
    """Return what JSON calls the mean of the tasks' main figures.

    >>> mean_key(["macro_f1", "macro_f1"]), mean_key(["macro_f1", "pearson"])
    ('mean_macro_f1', 'mean_score')
    """
    return "mean_macro_f1" if set(metrics) == {"macro_f1"} else "mean_score"


def evaluation_line(
    metrics: Mapping[str, str], summary: Mapping[str, Mapping[str, float]], mean: float
) -> str:
    """Return each task's metric, and the mean of what the tasks are chosen by.

    >>> one = {"macro_f1": 0.5, "accuracy": 0.75}
    >>> evaluation_line({"a": "macro_f1", "b": "macro_f1"}, {"a": one, "b": one}, 0.5)
    'macro-F1 a 0.5000  b 0.5000  mean 0.5000'
    >>> evaluation_line({"a": "macro_f1", "b": "accuracy"}, {"a": one, "b": one}, 0.625)
    'a macro-F1 0.5000  b accuracy 0.7500  mean score 0.6250'
    """
    titles = {name: figure_title(metric) for name, metric in metrics.items()}
    alike = len(set(titles.values())) == 1
    figures = "  ".join(
        f"{name} {'' if alike else f'{titles[name]} '}{summary[name][metric]:.4f}"
        for name, metric in metrics.items()
    )
    # an error counts as 1 - its share of the span: its mean is no mean of what stands before
    plain = alike and "mae" not in metrics.values()
    told = f"  mean {'' if plain else 'score '}{mean:.4f}" if len(metrics) > 1 else ""
    return f"{next(iter(titles.values()))} {figures}{told}" if alike else f"{figures}{told}"


def mean_macro_f1(scores: Iterable[Score]) -> float:
    """Return the unweighted mean of the tasks' macro-F1.

    Raises:
        ValueError: no scores.
    """
    values = [score.summary()["macro_f1"] for score in scores]
    if not values:
        raise ValueError("Parameter `scores` should hold at least one score. Found none.")
    return float(np.mean(values))


def mean_main(scores: Iterable[Score]) -> tuple[str, float]:
    """Return name and unweighted mean of the tasks' main figures; `score` where these differ.

    Raises:
        ValueError: no scores.
    """
    mains = [score.main for score in scores]
    if not mains:
        raise ValueError("Parameter `scores` should hold at least one score. Found none.")
    names = {main.name for main in mains}
    return names.pop() if len(names) == 1 else "score", float(np.mean([m.value for m in mains]))


def means_json(scores: Iterable[Score]) -> dict[str, float | None]:
    """Return `mean_macro_f1`, over the tasks that have one, and where others have none, the mean of
    all main figures, `mean_score`."""
    known = list(scores)
    with_f1 = [score for score in known if "macro_f1" in score.summary()]
    means: dict[str, float | None] = {"mean_macro_f1": mean_macro_f1(with_f1) if with_f1 else None}
    return means if len(with_f1) == len(known) else means | {"mean_score": mean_main(known)[1]}
