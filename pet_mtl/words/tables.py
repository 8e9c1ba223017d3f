"""What the `words` commands found, as tables for the terminal."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from pet_mtl.metrics.score import figure_title
from pet_mtl.words.check import LabelReport, Place, WordReport
from pet_mtl.words.results import FLIPS_TOLD, Change, Tried

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_TEXT_SHOWN = 40  # characters of a row
_NOTES_SHOWN = 20  # words beside which one stands, a kind
# columns that stand to the right
_NUMBERS = frozenset(
    ["length", "prior", "label prior", "rows", "gained", "lost", "seconds", "F1", "change"]
)


def check_table(task: str, labels: Sequence[LabelReport]) -> "Table":
    """Lay out the label words of one task, a word a line."""
    table = _table(task, ["label", "word", "pieces", "length", "prior", "label prior", "notes"])
    for label in labels:
        for number, word in enumerate(label.words):
            first = number == 0
            table.add_row(
                *_cells(
                    label.label if first else "",
                    word.word,
                    _by_pattern(word, " ".join),
                    _by_pattern(word, lambda pieces: str(len(pieces))),
                    _probability(word.prior),
                    ("–" if label.prior is None else f"{label.prior:.1%}") if first else "",
                    "; ".join(_notes(task, word)),
                )
            )
    return table


def _by_pattern(word: WordReport, shown: Callable[[list[str]], str]) -> str:
    """Return what is shown of a word's pieces: of each cut, with the patterns' numbers where there
    are several."""
    if not word.by_pattern:
        return shown(word.pieces)
    patterns: dict[tuple[str, ...], list[int]] = {}
    for number, pieces in enumerate(word.by_pattern, start=1):
        patterns.setdefault(tuple(pieces), []).append(number)
    return "\n".join(
        f"{shown(list(pieces))} ({', '.join(map(str, numbers))})"
        for pieces, numbers in patterns.items()
    )


def _notes(task: str, word: WordReport) -> list[str]:
    notes = [f"unknown: {' '.join(word.unknown)}"] if word.unknown else []
    notes += _first([f"also in {_place(task, place)}" for place in word.shared])
    nested = [
        f"{'part of' if word.word in place.word else 'holds'} {place.word} ({_place(task, place)})"
        for place in word.nested
    ]
    notes += _first(nested)
    return notes + ([f"jieba: {' '.join(word.cuts)}"] if word.cuts else [])


def _first(notes: list[str]) -> list[str]:
    """Return the first of some notes, and how many more there are."""
    more = len(notes) - _NOTES_SHOWN
    return notes if more <= 1 else [*notes[:_NOTES_SHOWN], f"and {more:,} more"]


def _place(task: str, place: Place) -> str:
    return place.label if place.task == task else f"{place.task} {place.label}"


def _probability(value: float | None) -> str:
    return "–" if value is None else f"{value:.5f}" if value >= 1e-4 else f"{value:.0e}"


def tried_table(task: str, tried: Tried, model: str) -> "Table":
    """Lay out the scores of some verbalizers, the task's own words first."""
    shown = [figure_title(key) for key in tried.own.score.summary()]
    names = ["verbalizer", "rows", *shown, "gained", "lost", "seconds"]
    table = _table(f"{task}, {model}", names, _NUMBERS.union(shown))
    for each in (tried.own, *(file for file in tried.files if file is not tried.own)):
        change = None if each is tried.own else Change(tried.own, each)
        score, base = each.score, tried.own.score
        table.add_row(
            *_cells(
                each.verbalizer,
                f"{score.examples:,}",
                *(
                    f"{value:.4f}" + (f" ({value - base.summary()[key]:+.4f})" if change else "")
                    for key, value in score.summary().items()
                ),
                f"{len(change.gained):,}" if change else "",
                f"{len(change.lost):,}" if change else "",
                f"{each.seconds:.3f}" + ("" if each.cached else " (model run)"),
            )
        )
    return table


def change_tables(change: Change, *, flips: bool = False) -> "list[Table]":
    """Return what there is to show of a change: the labels, and on demand the rows that flipped."""
    shown = [_label_table(change)] + ([_flip_table(change)] if flips else [])
    return [table for table in shown if table.row_count]


def _label_table(change: Change) -> "Table":
    """Lay out the labels whose words or F1 changed."""
    table = _table(
        f"{change.after.task.name}, {change.after.verbalizer}",
        ["label", "words", "words before", "F1", "change"],
    )
    before, after = change.before.task.verbalizer, change.after.task.verbalizer
    scores, gains = change.after.score.per_label, change.f1  # numbers have no labels to find
    for label, old, new in zip(after.labels, before.words, after.words, strict=True):
        difference = gains.get(label, 0.0)
        if old != new or difference:
            shown = "" if old == new else " ".join(old)
            known = label in scores
            figures = (f"{scores[label].f1:.4f}", f"{difference:+.4f}") if known else ("–", "–")
            table.add_row(*_cells(label, " ".join(new), shown, *figures))
    return table


def change_line(task: str, change: Change) -> str:
    """Say in one line what a saved file changed."""
    before, after = change.before.score.summary(), change.after.score.summary()
    figures = ", ".join(
        f"{figure_title(key)} {value:.4f} ({value - before[key]:+.4f})"
        for key, value in after.items()
    )
    return (
        f"{task} {change.after.verbalizer}: {figures}, "
        f"{len(change.gained):,} gained, {len(change.lost):,} lost, "
        f"{len(change.flipped):,} flipped, {change.after.seconds:.3f} s"
    )


def _flip_table(change: Change) -> "Table":
    """Lay out rows that flipped."""
    verbalizer, rows = change.after.task.verbalizer, change.flips(FLIPS_TOLD)
    named = {
        label: f"{label} {words[0]}"
        for label, words in zip(verbalizer.labels, verbalizer.words, strict=True)
    }
    table = _table(
        f"{len(rows)} of {len(change.flipped):,} rows that flipped",
        ["", "gold", "before", "after", "text"],
    )
    for row in rows:
        text = row["text"] if len(row["text"]) <= _TEXT_SHOWN else row["text"][:_TEXT_SHOWN] + "…"
        table.add_row(
            *_cells(
                row["change"],
                *(named.get(row[which], row[which]) for which in ("gold", "before", "after")),
                text,
            )
        )
    return table


def _table(title: str, columns: Sequence[str], numbers: Collection[str] = _NUMBERS) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in columns:
        table.add_column(name, overflow="fold", justify="right" if name in numbers else "left")
    return table


def _cells(*texts: str) -> list["Text"]:
    from rich.text import Text

    return [Text(text) for text in texts]  # square brackets in a text are no markup
