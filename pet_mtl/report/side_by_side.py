"""Several checkpoints' scores of the same rows in columns, with paired differences to the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.kinds import kind_of
from pet_mtl.metrics.score import figure_title
from pet_mtl.report.confusions import cut
from pet_mtl.report.labels import label_cells, sortable_table
from pet_mtl.report.markup import Html, element, join
from pet_mtl.report.places import short_model, short_place
from pet_mtl.report.task_data import row_text
from pet_mtl.scoring.checkpoint_scores import CheckpointScore
from pet_mtl.scoring.records import Predicted
from pet_mtl.text import counted

DASH = "–"
_ROWS = 5  # shown of those that one has right and the other has not
# a paired bootstrap counts how often each draw takes each row: beyond this it would need gigabytes
_MOST_PAIRED = 200_000


@dataclass(frozen=True)
class Column:
    """One checkpoint with the letter that stands for it."""

    letter: str
    score: CheckpointScore


@dataclass(frozen=True)
class Gain:
    """What a checkpoint's main figure is above the first one's; no interval where the rows are not
    the same ones."""

    value: float
    ci95: tuple[float, float] | None

    @property
    def clear(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.ci95 is not None and (self.ci95[0] > 0 or self.ci95[1] < 0)

    def __str__(self) -> str:
        if self.ci95 is None:
            return f"{self.value:+.4f}"
        low, high = self.ci95
        return f"{self.value:+.4f} [{low:+.4f}, {high:+.4f}]{' *' if self.clear else ''}"


def paired(one: Predicted, other: Predicted) -> bool:
    """Tell whether two checkpoints scored the same rows, with the same labels, in whatever order,
    and targets."""
    kinds, labels = (kind_of(one.task).spec, kind_of(other.task).spec), one.task.verbalizer.labels
    if kinds[0].name != kinds[1].name or {*labels} != {*other.task.verbalizer.labels}:
        return False
    if len(one.rows) != len(other.rows):
        return False
    if not np.array_equal(one.rows.gold, _in_order(other, other.rows.gold, labels)):
        return False
    shared = set(one.rows.fields) & set(other.rows.fields)
    return one.rows.ids.equals(other.rows.ids) and all(
        one.rows.fields[name].equals(other.rows.fields[name]) for name in shared
    )


def _in_order(of: Predicted, answers: NDArray[Any], labels: Sequence[str]) -> NDArray[Any]:
    """Return targets or decisions of a task as one has them whose labels stand in the order of
    `labels`."""
    own, kind = of.task.verbalizer.labels, kind_of(of.task)
    if own == tuple(labels) or kind.spec.facts.target == "number":
        return answers
    if kind.one_label:
        return np.asarray(np.array([labels.index(label) for label in own])[answers])
    return answers[:, [own.index(label) for label in labels]]


def gain_over(first: CheckpointScore, other: CheckpointScore, task: str) -> Gain | None:
    """Return what `other` gains over `first` in a task's main figure; None where these are two
    different figures, or one does not have the task."""
    if task not in first.tasks or task not in other.tasks:
        return None
    before, after = first.tasks[task].main, other.tasks[task].main
    if before.name != after.name:
        return None
    change = after.value - before.value
    one, two = first.predicted[task], other.predicted[task]
    if not paired(one, two) or len(one.rows) > _MOST_PAIRED:
        return Gain(change, None)
    sides = (
        _in_order(each, kind_of(each.task).decide(each.log_probs), one.task.verbalizer.labels)
        for each in (one, two)
    )
    return Gain(change, kind_of(one.task).gain(one.rows.gold, *sides))


def scores_beside(columns: Sequence[Column], tasks: Sequence[str]) -> Html:
    """Return the table of all figures, a row for each task and figure."""
    head = ["task", "figure"]
    for place, column in enumerate(columns):
        title = f"{column.letter} {short_model(column.score.path)}"
        head.append(title if len(columns) > 1 else "value")
        head += [f"{column.letter} − {columns[0].letter}"] if place else []
    rows = [row for number, name in enumerate(tasks) for row in _figures(columns, name, number)]
    note = "95 % intervals in brackets: bootstrap over rows"
    if len(columns) > 1:
        note += (
            "; of differences: paired, both on the same draws, * where 0 is outside; a difference "
            "without interval: other rows, or a figure beside the main one"
        )
    return element(
        "section",
        element("h2", "Side by side" if len(columns) > 1 else "Scores"),
        element("p", note, class_="note"),
        sortable_table(head, rows, "scores side by side", css="figures-of list", whole=True),
        class_="card",
    )


def _figures(columns: Sequence[Column], task: str, number: int) -> list[Html]:
    scores = [column.score.tasks.get(task) for column in columns]
    names = list(dict.fromkeys(name for s in scores if s for name in s.summary()))
    others = [gain_over(columns[0].score, column.score, task) for column in columns[1:]]
    gains = [None, *others]
    made = []
    link = element("a", task, href=f"#task-{number}")
    for name in names:
        values = [s.summary().get(name) if s else None for s in scores]
        cells = [
            element("td", link, class_="name"),
            element("td", figure_title(name), class_="name"),
        ]
        for place, (value, score) in enumerate(zip(values, scores, strict=True)):
            if value is None or score is None:
                cells += [element("td", DASH)] * (2 if place else 1)
                continue
            main = value == score.main.value and name == names[0]
            low, high = score.main.ci95
            more = [element("small", f"[{low:.4f}, {high:.4f}]")] if main else []
            shown = [element("b", f"{value:.4f}"), *more]
            cells.append(element("td", shown, data_v=f"{value:.6f}"))
            if place:
                plain = None if values[0] is None else Gain(value - values[0], None)
                gain = gains[place] if main else plain
                told = str(gain) if gain else DASH
                css = "clear" if gain and gain.clear else None
                at = f"{gain.value:.6f}" if gain else DASH
                cells.append(element("td", told, data_v=at, class_=css))
        made.append(element("tr", cells))
    return made


def labels_beside(columns: Sequence[Column], task: str) -> Html:
    """Return each label's F1 with every checkpoint, and the difference to the first; nothing of a
    task without labels to find."""
    scores = [column.score.tasks[task].per_label for column in columns]
    labels = list(dict.fromkeys(label for of_one in scores for label in of_one))
    if not labels:
        return Html()
    words: dict[str, str] = {}
    for column in columns:
        task_ = column.score.predicted[task].task
        words |= {
            label: main[0]
            for label, main in zip(task_.verbalizer.labels, task_.verbalizer.words, strict=True)
            if label not in words
        }
    head = ["label"]
    for place, column in enumerate(columns):
        head.append(f"F1 {column.letter}")
        head += [f"{column.letter} − {columns[0].letter}"] if place else []
    rows = []
    for label in labels:
        found = [of_one.get(label) for of_one in scores]
        cells = [label_cells(label, words.get(label, ""))]
        for place, each in enumerate(found):
            cells.append(element("td", f"{each.f1:.3f}" if each else DASH))
            if place:
                both = each and found[0]
                cells.append(element("td", f"{each.f1 - found[0].f1:+.3f}" if both else DASH))  # type: ignore[union-attr]
        support = next((each.support for each in found if each), 0)
        rows.append(element("tr", cells, element("td", f"{support:,}")))
    name = "F1 of each label, side by side"
    shown = sortable_table([*head, "rows"], rows, name, css="figures-of")
    return join(element("h3", "Labels"), shown)


def changes(columns: Sequence[Column], task: str) -> Html:
    """Return for each further checkpoint how many rows it has right where the first has not, and
    the other way round, with a few of them."""
    blocks = []
    for column in columns[1:]:
        if not paired(columns[0].score.predicted[task], column.score.predicted[task]):
            continue
        for better, worse in ((column, columns[0]), (columns[0], column)):
            won, lost = better.score.predicted[task], worse.score.predicted[task]
            rows = np.flatnonzero(_right(won) & ~_right(lost))
            number = counted(len(rows), "row")
            title = f"right in {better.letter}, wrong in {worse.letter}: {number}"
            shown = [_change(won, lost, int(row), better, worse) for row in rows[:_ROWS]]
            more = f"the first {len(shown)} in the file's order" if len(rows) > len(shown) else ""
            note = [element("p", more, class_="note")] if more else []
            listed = element("ul", shown)
            blocks.append(element("details", element("summary", title), *note, listed))
    if not blocks:
        return Html()
    kind = kind_of(columns[0].score.predicted[task].task).spec.name
    near = {"similarity": " (right: within a tenth of the range)", "multi_label": " (whole sets)"}
    heading = element("h3", f"Rows that changed{near.get(kind, '')}")
    return join(heading, element("div", blocks, class_="confusions changes"))


def _change(won: Predicted, lost: Predicted, row: int, better: Column, worse: Column) -> Html:
    some = slice(row, row + 1)
    gold, decided = kind_of(won.task).written(won.rows.gold[some])[0], []
    for column, of in ((better, won), (worse, lost)):  # each by its own labels and thresholds
        kind = kind_of(of.task)
        said = kind.written(kind.decide(of.log_probs[some]))[0]
        decided.append(f"{column.letter}: {said or '∅'}")
    return element(
        "li",
        element("span", cut(row_text(won.rows, row)), class_="text"),
        element("small", f"gold {gold or '∅'}; {'; '.join(decided)}"),
        element("small", short_place(won.rows.where(row), better.score.base), class_="where"),
    )


def _right(of: Predicted) -> NDArray[np.bool_]:
    kind = kind_of(of.task)
    return kind.right(of.rows.gold, kind.decide(of.log_probs))
