"""What a report shows, as plain values: no model, no tensors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.cloze.form import PartKind
from pet_mtl.metrics.classification import confusion_matrix
from pet_mtl.metrics.score import Score

if TYPE_CHECKING:
    from pet_mtl.model.sharing.routes import Routes


@dataclass(frozen=True)
class CurvePoint:
    """One measured value after `step` optimiser steps."""

    step: int
    value: float


@dataclass(frozen=True)
class TaskCurves:
    """How one task went during training; any list may be empty. `weight` is that of its losses."""

    train_loss: list[CurvePoint] = field(default_factory=list)
    dev_score: list[CurvePoint] = field(default_factory=list)
    weight: list[CurvePoint] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    """One row with its raw labels; `probability` is the one given to `predicted`, None of numbers;
    `where` is its `file:line`."""

    text: str
    gold: str
    predicted: str
    probability: float | None
    where: str | None = None


@dataclass(frozen=True)
class Confusion:
    """How often one label was taken for another, with a few of the rows."""

    gold: str
    predicted: str
    count: int
    examples: list[Example]


@dataclass(frozen=True)
class Token:
    """One token of an encoded row and the part of the prompt that it came from."""

    text: str
    kind: PartKind


@dataclass(frozen=True)
class ModelView:
    """One row as the model sees it.

    `slots` holds, for each slot in order, its top words with their probabilities; `gold` is written
    like the names in `label_scores`, such as `109 科技`, and so are further labels of a set in
    `also`.
    """

    tokens: list[Token]
    slots: list[list[tuple[str, float]]]
    gold: str
    label_scores: list[tuple[str, float]]
    note: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskReport:
    """Everything about one task; `main_words[k]` is the main label word of `labels[k]`.

    Of numbers, `points` are gold and predicted ones between `ends`.
    """

    name: str
    description: str
    labels: list[str]
    main_words: list[str]
    score: Score
    curves: TaskCurves
    confusions: list[Confusion]
    view: ModelView | None = None
    points: Sequence[tuple[float, float]] = ()
    ends: tuple[float, float] = (0.0, 1.0)

    @property
    def confused(self) -> int:
        """How many pairs of labels were confused; `confusions` may be the most frequent ones."""
        matrix = np.array(self.score.confusion)
        return int(np.count_nonzero(matrix) - np.count_nonzero(matrix.diagonal()))

    @cached_property
    def number(self) -> dict[str, int]:
        """The place of each label among `labels`."""
        return {label: place for place, label in enumerate(self.labels)}

    @cached_property
    def _word_of(self) -> dict[str, str]:
        return dict(zip(self.labels, self.main_words, strict=True))

    def title_of(self, label: str) -> str:
        """Return the label with its main word, such as `109 科技`."""
        word = self._word_of.get(label, "")
        return label if word in ("", label) else f"{label} {word}"


@dataclass(frozen=True)
class ReportData:
    """Everything that one report shows; `mean` is that of the tasks' main figures with its name,
    `facts` are short pairs such as `("training", "43 s, 612 rows/s")`.

    `conflicts` is the share of the pairs of tasks whose gradients point against each other, where
    it was measured; `terms` are the means of the loss terms; `routes` says which task uses what,
    where the kind of sharing has gates or routes; `best_step` is the one whose weights were kept.
    """

    title: str
    model: str
    created: str
    settings: dict[str, Any]
    tasks: list[TaskReport]
    mean: tuple[str, float]
    facts: list[tuple[str, str]] = field(default_factory=list)
    conflicts: list[CurvePoint] = field(default_factory=list)
    terms: dict[str, list[CurvePoint]] = field(default_factory=dict)
    routes: "list[Routes]" = field(default_factory=list)
    best_step: int | None = None


def worst_confusions(
    gold: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    probabilities: NDArray[np.floating[Any]],
    texts: Callable[[int], str],
    labels: Sequence[str],
    most: int = 5,
    examples: int = 3,
    *,
    where: Callable[[int], str] | None = None,
) -> list[Confusion]:
    """Return the pairs of labels that are confused most often, each with its most confident wrong
    rows.

    `gold` and `predicted` are [N] indices into `labels`, `probabilities` is [N, K]; `texts` and
    `where` give the text and the `file:line` of a row and are called only for the rows shown.
    """
    if probabilities.shape != (len(gold), len(labels)):
        expected = f"({len(gold)}, {len(labels)}) (rows, labels)"
        raise ValueError(
            f"Parameter `probabilities` should have shape {expected}. "
            f"Found `probabilities.shape = {probabilities.shape}`."
        )
    if len(gold) == 0:
        return []
    mistakes = confusion_matrix(gold, predicted, len(labels))
    np.fill_diagonal(mistakes, 0)
    found = []
    for cell in np.argsort(-mistakes, axis=None, kind="stable")[:most]:
        true, taken = divmod(int(cell), len(labels))
        if mistakes[true, taken] == 0:
            break
        rows = np.flatnonzero((gold == true) & (predicted == taken))
        confident = rows[np.argsort(-probabilities[rows, taken], kind="stable")[:examples]]
        shown = [
            Example(
                text=texts(row),
                gold=labels[true],
                predicted=labels[taken],
                probability=float(probabilities[row, taken]),
                where=where(row) if where else None,
            )
            for row in map(int, confident)
        ]
        found.append(Confusion(labels[true], labels[taken], int(mistakes[true, taken]), shown))
    return found
