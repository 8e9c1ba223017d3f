"""The tables of a comparison, as plain texts, for the terminal, as Markdown and as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pet_mtl.comparison.statistics import Difference, Spread
from pet_mtl.comparison.summary import Comparison
from pet_mtl.metrics.score import figures_title
from pet_mtl.report.labels import scroll_box
from pet_mtl.report.markup import Html, element
from pet_mtl.report.table import titled_table
from pet_mtl.text import counted

if TYPE_CHECKING:
    from rich.table import Table

DASH = "–"


@dataclass(frozen=True)
class Sheet:
    """A table of texts; the first `names` columns are text, the others are figures."""

    title: str
    note: str
    header: list[str]
    rows: list[list[str]]
    names: int = 2


def sheets(comparison: Comparison) -> list[Sheet]:
    """Return the tables that a comparison has."""
    found = [scores_sheet(comparison), costs_sheet(comparison)]
    return [*found, joining_sheet(comparison)] if comparison.joining else found


def scores_sheet(comparison: Comparison) -> Sheet:
    """Return scores, a row for each number of shots and method; a dash where a method scores
    nothing untrained."""
    tasks, first = list(comparison.dev_rows), comparison.methods[0]
    rows = []
    for shots in comparison.shots:
        for method in comparison.methods:
            entry = comparison.entry(method, shots)
            cells = [str(shots), method]
            if entry is None:
                rows.append([*cells, *[DASH] * (len(tasks) + 3)])
                continue
            cells[1] += _fewer(entry.mean, len(comparison.seeds) if shots else 1)
            of_tasks = [
                _spread(entry.tasks[task]) if task in entry.tasks else DASH for task in tasks
            ]
            rows.append(
                [
                    *cells,
                    _spread(entry.mean),
                    f"{entry.mean.median:.4f}",
                    _difference(entry.difference),
                    *of_tasks,
                ]
            )
    seeds = counted(len(comparison.seeds), "seed")
    note = (
        f"dev {figures_title(comparison.metrics)}, mean ± sd over {seeds}; difference of the mean "
        f"to {first} with its 95 % interval (paired bootstrap over dev rows, averaged over "
        "the seeds that both have), * where 0 is outside"
    )
    return Sheet(
        "Scores", note, ["shots", "method", "mean of tasks", "median", f"to {first}", *tasks], rows
    )


def costs_sheet(comparison: Comparison) -> Sheet:
    """Return parameters, rows, steps, time and memory of the runs on all tasks."""
    rows = [
        [
            str(entry.shots),
            entry.method,
            f"{entry.parameters['all']:,.0f}",
            f"{entry.parameters['task_specific_share']:.2%}",
            f"{entry.rows:,}",
            f"{entry.steps:,}",
            DASH if entry.seconds is None else f"{entry.seconds:,.0f}",
            f"{entry.samples_per_second:,.0f}",
            DASH if entry.peak_memory_gb is None else f"{entry.peak_memory_gb:.2f}",
        ]
        for entry in comparison.entries
    ]
    header = [
        "shots",
        "method",
        "parameters",
        "of one task only",
        "rows",
        "steps",
        "seconds",
        "rows/s",
        "GB",
    ]
    note = "one run on all tasks: medians over the seeds; seconds from start to end, GB at the most"
    return Sheet("Costs", note, header, rows)


def joining_sheet(comparison: Comparison) -> Sheet:
    """Return each task trained with the others against alone."""
    rows = [
        [
            str(one.shots),
            one.method,
            one.task,
            _spread(one.joint) + _fewer(one.joint, len(comparison.seeds)),
            _spread(one.alone) + _fewer(one.alone, len(comparison.seeds)),
            _difference(one.gain),
        ]
        for one in comparison.joining
    ]
    note = (
        f"dev {figures_title(comparison.metrics)} of one model for all tasks, and of a model for "
        "the task alone that saw as many of its rows"
    )
    return Sheet(
        "Does joining help?",
        note,
        ["shots", "method", "task", "joint", "alone", "joint - alone"],
        rows,
        3,
    )


def rich_table(sheet: Sheet) -> "Table":
    """Lay a table out for the terminal."""
    from rich.text import Text

    table = titled_table(sheet.title)
    table.caption, table.caption_justify = Text(sheet.note), "left"
    for number, name in enumerate(sheet.header):
        table.add_column(
            Text(name), justify="left" if number < sheet.names else "right", overflow="fold"
        )
    for row in sheet.rows:
        table.add_row(*map(Text, row))
    return table


def markdown(sheet: Sheet) -> str:
    """Return a table as Markdown."""
    marks = ["---"] * sheet.names + ["---:"] * (len(sheet.header) - sheet.names)
    lines = [_markdown_row(row) for row in (sheet.header, marks, *sheet.rows)]
    return f"## {sheet.title}\n{sheet.note}\n\n" + "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |"


def html_table(sheet: Sheet) -> Html:
    """Return a table as HTML, with title and note; a line stands above each new number of shots."""
    kinds = ["name" if number < sheet.names else None for number in range(len(sheet.header))]
    head = element(
        "tr",
        [element("th", name, class_=kind) for name, kind in zip(sheet.header, kinds, strict=True)],
    )
    body = []
    for number, row in enumerate(sheet.rows):
        same = number > 0 and sheet.rows[number - 1][0] == row[0]
        cells = [
            element("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)
        ]
        body.append(
            element(
                "tr", element("th", row[0], scope="row"), cells, class_="again" if same else "new"
            )
        )
    table = element("table", element("thead", head), element("tbody", body))
    heading = [element("h2", sheet.title), element("p", sheet.note, class_="note")]
    return element("section", heading, scroll_box(table, sheet.title, css="wide"), class_="card")


def _spread(spread: Spread) -> str:
    return f"{spread.mean:.4f}" + (f" ± {spread.sd:.4f}" if spread.sd is not None else "")


def _fewer(spread: Spread, seeds: int) -> str:
    """Return of how many seeds a figure is, where some are missing."""
    known = len(spread.values)
    return f" ({known} of {seeds} seeds)" if known < seeds else ""


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return DASH
    interval = f"[{difference.low:+.4f}, {difference.high:+.4f}]"
    return f"{difference.mean:+.4f} {interval}{' *' if difference.clear else ''}"
