"""`compare.html`, `compare.md` and `results.json` of a comparison."""

from pathlib import Path

from pet_mtl.atomic import write_bytes, write_text
from pet_mtl.comparison.shots_chart import ShotsLine, shots_chart
from pet_mtl.comparison.statistics import Spread
from pet_mtl.comparison.summary import Comparison, Entry
from pet_mtl.comparison.table import html_table, markdown, sheets
from pet_mtl.metrics.score import figures_title
from pet_mtl.report.markup import Html, element
from pet_mtl.report.overview import colour_of, page_header
from pet_mtl.report.page import html_page
from pet_mtl.report.places import short_model
from pet_mtl.text import indented_json


def write_pages(out: Path, comparison: Comparison) -> None:
    """Write the page, the Markdown tables and the figures."""
    write_text(out / "results.json", indented_json(comparison.to_json()))
    write_text(out / "compare.md", compare_markdown(comparison))
    write_bytes(out / "compare.html", compare_page(comparison).encode("utf-8", errors="replace"))


def compare_markdown(comparison: Comparison) -> str:
    """Return the tables and what failed as Markdown."""
    parts = [f"# {comparison.suite} on {short_model(comparison.model)}\n"]
    parts += map(markdown, sheets(comparison))
    if failed := comparison.failed.items():
        lines = [f"- {cell}: {' '.join(reason.split())}\n" for cell, reason in failed]
        parts.append("## Failed\n" + "".join(lines))
    return "\n".join(parts)


def compare_page(comparison: Comparison) -> Html:
    """Return the page: header, learning curves, tables, and what failed."""
    rows = ", ".join(f"{name} {count:,}" for name, count in comparison.dev_rows.items())
    facts = [
        ("methods", ", ".join(comparison.methods)),
        ("seeds", ", ".join(map(str, comparison.seeds))),
        ("dev rows", rows),
    ]
    about = (short_model(comparison.model), comparison.created)
    sections = [
        page_header("compare", comparison.suite, about, facts),
        curves(comparison),
        *map(html_table, sheets(comparison)),
        failures(comparison),
    ]
    return html_page(f"{comparison.suite} · compare · pet_mtl", sections, comparison.created)


def curves(comparison: Comparison) -> Html:
    """Return a chart of the mean over the tasks, and one of each task where there are several;
    nothing where each run of all tasks failed, or is in the hands of another process."""
    if not comparison.entries:
        return Html()
    tasks = list(comparison.dev_rows)
    names = [None, *tasks] if len(tasks) > 1 else tasks
    charts = [_chart(comparison, name) for name in names]
    note = (
        f"dev {figures_title(comparison.metrics)} over the training rows for each label: mean over "
        "the seeds, ± sd"
    )
    heading = [element("h2", "Learning curves"), element("p", note, class_="note")]
    return element("section", heading, element("div", charts, class_="charts"), class_="card")


def _chart(comparison: Comparison, task: str | None) -> Html:
    lines = [
        ShotsLine(
            method,
            {e.shots: _score(e, task) for e in comparison.entries if e.method == method},
            colour_of(number),
        )
        for number, method in enumerate(comparison.methods)
    ]
    return shots_chart(
        task or "Mean of tasks", comparison.shots, [line for line in lines if line.points]
    )


def _score(entry: Entry, task: str | None) -> Spread:
    return entry.mean if task is None else entry.tasks[task]


def failures(comparison: Comparison) -> Html:
    """Return the cells that failed and why, or nothing."""
    if not comparison.failed:
        return Html()
    listed = [
        element("li", element("b", cell), ": ", reason)
        for cell, reason in comparison.failed.items()
    ]
    return element("section", element("h2", "Failed"), element("ul", listed), class_="card")
