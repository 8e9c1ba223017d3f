"""Scores as tables for the terminal, readable without colour."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pet_mtl.metrics.score import Score, figure_title, mean_main
from pet_mtl.text import printable

if TYPE_CHECKING:
    from rich.table import Table

_ENDLESS = 10_000  # columns; a table takes what it needs
_LEAST = 6  # of one column, with what stands around it


def narrow_table() -> "Table":
    """Return an empty table that spends little room between its columns."""
    from rich import box
    from rich.table import Table

    return Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )


def titled_table(title: str) -> "Table":
    """Return an empty table under a title, whose square brackets are no markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    return Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD)


def score_table(checkpoints: Sequence[tuple[str, Mapping[str, Score]]]) -> "Table":
    """Lay out macro-F1 with its interval and accuracy, tasks in rows and checkpoints side by side;
    below a task what else its kind is scored by.

    From the second checkpoint on, the difference to the first one stands in brackets. The last row
    is the mean over the tasks that a checkpoint has; its difference is given only where both have
    the same tasks.
    """
    from rich.text import Text

    several = len(checkpoints) > 1
    table = narrow_table()
    table.add_column("task", overflow="fold")
    for name, _ in checkpoints:
        # `Text`, because square brackets in a path or a task name are no markup.
        title = Text(f"{name}\n" if several else "", overflow="fold")
        table.add_column(title + Text("macro-F1 [95 %]"), overflow="fold", min_width=16)
        table.add_column("accuracy", justify="right", no_wrap=True)
    first = checkpoints[0][1] if checkpoints else {}
    tasks = list(dict.fromkeys(task for _, scores in checkpoints for task in scores))
    for task in tasks:
        cells = [Text(task)]
        for position, (_, scores) in enumerate(checkpoints):
            score, base = scores.get(task), first.get(task) if position else None
            cells += [Text(_score_cell(score, base, several=several)), Text(_accuracy(score))]
        table.add_row(*cells)
        further = {name: None for _, scores in checkpoints for name in _further(scores.get(task))}
        for name in further:
            cells = [Text(f"  {name}")]
            for _, scores in checkpoints:
                value = _further(scores.get(task)).get(name)
                cells += [Text("–" if value is None else f"{value:.4f}"), Text()]
            table.add_row(*cells)
    table.add_section()
    if len(tasks) == 1:
        return table  # of one task there is no mean
    every = [score for _, scores in checkpoints for score in scores.values()]
    last = [Text(f"mean {mean_main(every)[0] if every else 'macro-F1'}")]
    for position, (_, scores) in enumerate(checkpoints):
        written = f"{mean_main(scores.values())[1]:.4f}" if scores else "–"
        if position and scores and set(scores) == set(first):
            change = mean_main(scores.values())[1] - mean_main(first.values())[1]
            written += f" ({change:+.4f})"
        last += [Text(written), Text()]
    table.add_row(*last, style="bold")
    return table


def _further(score: Score | None) -> dict[str, float]:
    """Return the figures of a task that have no column, by their titles."""
    figures = score.summary() if score else {}
    titles = {name: figure_title(name) for name in figures if name not in ("macro_f1", "accuracy")}
    main = score.main.name if score else ""
    return {title: figures[name] for name, title in titles.items() if title != main}


def per_label_table(task: str, score: Score, main_words: Sequence[str]) -> "Table":
    """Lay out precision, recall, F1 and support of each label; `main_words` go with the labels in
    their order."""
    from rich.text import Text

    name = "macro-F1 " if score.main.name == "macro-F1" else ""
    table = titled_table(f"{task}: {name}{_with_interval(score)}")
    table.add_column("label", overflow="fold")
    table.add_column("word", overflow="fold")
    for name in ("precision", "recall", "F1", "support"):
        table.add_column(name, justify="right")
    for (label, each), word in zip(score.per_label.items(), main_words, strict=True):
        table.add_row(
            Text(label),
            Text(word),
            f"{each.precision:.4f}",
            f"{each.recall:.4f}",
            f"{each.f1:.4f}",
            f"{each.support:,}",
        )
    return table


def print_table(table: "Table") -> None:
    """Print a table on stdout, whole: only a terminal has a width to fit into, and what does not
    fit even so is not cut."""
    from rich.console import Console
    from rich.text import Text

    for cell in [
        table.title,
        *(cell for column in table.columns for cell in (column.header, *column.cells)),
    ]:
        if isinstance(cell, Text):
            cell.plain = printable(cell.plain)
    console = Console()
    # a column that is narrower shows nothing
    width = max(console.width, _LEAST * len(table.columns))
    Console(width=width if console.is_terminal else _ENDLESS).print(table, crop=False)


def _with_interval(score: Score, *, between: str = " ") -> str:
    main = score.main
    low, high = main.ci95
    name = "" if main.name == "macro-F1" else f"{main.name} "
    return f"{name}{main.value:.4f}{between}[{low:.4f}, {high:.4f}]"


def _accuracy(score: Score | None) -> str:
    figures = score.summary() if score else {}
    return f"{figures['accuracy']:.4f}" if "accuracy" in figures else "–"


def _score_cell(score: Score | None, base: Score | None, *, several: bool) -> str:
    if score is None:
        return "–"
    if not several:
        return _with_interval(score)
    # On two lines, so that three checkpoints fit into 100 columns.
    return _with_interval(
        score, between=f" ({score.main.value - base.main.value:+.4f})\n" if base else "\n"
    )
