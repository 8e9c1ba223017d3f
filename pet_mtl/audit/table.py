"""The result of the checks for people, readable without colour."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pet_mtl.audit.check import CheckResult
from pet_mtl.report.table import narrow_table
from pet_mtl.text import counted, one_line

if TYPE_CHECKING:
    from rich.table import Table


def check_tables(result: CheckResult) -> "list[Table]":
    """Lay out rows and lengths, the classes of each task, what is shared, and the vocabularies."""
    parts = [
        (f"{task}/{name}", figures)
        for task, of_task in result.parts.items()
        for name, figures in of_task.items()
    ]
    lengths = ("chars", "longest", "tokens", "longest", "cut")
    columns = ("rows", "bad", "repeats", "conflicts", "odd", *lengths)
    tables = [_table("part", columns, [[title, *_part_cells(figures)] for title, figures in parts])]
    for title, figures in parts:
        if "labels" in figures:
            # a row of sets may have several labels, or none
            sets = "labels_a_row" in figures
            total = figures["rows"] if sets else sum(figures["labels"].values())
            rows = [
                [label, f"{n:,}", f"{100 * n / total:.1f} %"]
                for label, n in figures["labels"].items()
            ]
            tables.append(_table(f"{title}: label", ("rows", "share"), rows))
    if result.overlap:
        rows = [
            [o["rows_of"], o["in"], f"{o['rows']:,}", f"{100 * o['rows'] / o['of']:.1f} %"]
            for o in result.overlap
        ]
        tables.append(_table("rows of", ("in", "shared", "share"), rows))
    if result.vocabulary:
        names = result.vocabulary["names"]
        shared = result.vocabulary["shared"]
        rows = [
            [name, *(f"{100 * value:.0f} %" for value in line)]
            for name, line in zip(names, shared, strict=True)
        ]
        tables.append(_table("frequent words shared", names, rows))
    if result.label_errors is not None and result.label_errors.rows:
        tables.append(_suspected(result.label_errors.rows, result.base))
    return tables


def _suspected(rows: Sequence[dict[str, Any]], base: str) -> "Table":
    """Lay out rows whose label is suspected; a star stands at those that were trained on."""
    columns = ("label", "suggested", "p", "text")
    cells = [
        [
            row["where"].replace(f"{base}/", "") + (" *" if row["trained_on"] else ""),
            row["label"],
            row["suggested"],
            f"{row['probability']:.3f}",
            one_line(row["text"][:40]),
        ]
        for row in rows
    ]
    return _table("suspected label (* trained on)", columns, cells, left=("text",))


def verdict_lines(result: CheckResult) -> list[str]:
    """Return the findings, the worst first, with places relative to the data folder, and the
    verdict."""
    errors, warnings = (counted(result.count(level), level) for level in ("error", "warning"))
    verdict = {
        "error": f"verdict: do not train on this as it is: {errors}, {warnings}",
        "warning": f"verdict: fit to train on, with {warnings}",
        "good": "verdict: fit to train on, nothing to warn of",
    }[result.verdict]
    notes = result.label_errors.notes if result.label_errors is not None else []
    return [
        *(str(finding).replace(f"{result.base}/", "") for finding in result.findings),
        *(f"note: {note}" for note in notes),
        verdict,
    ]


def _part_cells(figures: dict[str, Any]) -> list[str]:
    characters, tokens = figures["characters"], figures.get("tokens")
    return [
        *(f"{figures[key]:,}" for key in ("rows", "bad_rows", "repeats", "conflicting_texts")),
        f"{sum(figures['odd_characters'].values()):,}",
        f"{characters['median']} ({characters['p90']})",
        f"{characters['max']}",
        *(
            [f"{tokens['median']} ({tokens['p90']})", f"{tokens['max']}", f"{tokens['cut_rows']:,}"]
            if tokens
            else "–––"
        ),
    ]


def _table(
    first: str,
    others: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: Sequence[str] = ("in",),
) -> "Table":
    from rich.text import Text

    table = narrow_table()
    table.add_column(Text(first), overflow="fold")
    for name in others:
        table.add_column(Text(name), justify="left" if name in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
