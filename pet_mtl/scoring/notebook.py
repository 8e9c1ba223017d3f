"""What notebooks show of a model: its tasks with their labels and label words, as HTML."""

from collections.abc import Sequence
from html import escape

from pet_mtl.suite.suite import Suite

MOST_LABELS = 12


def predictor_html(name: str, suite: Suite) -> str:
    """Return a table of the tasks of a model."""
    rows = []
    for task in suite.tasks.values():
        verbalizer = task.verbalizer
        pairs = list(zip(verbalizer.labels, verbalizer.words, strict=True))
        shown = ", ".join(f"{label} → {words[0]}" for label, words in pairs[:MOST_LABELS])
        more = f", … ({len(pairs)} labels)" if len(pairs) > MOST_LABELS else ""
        rows.append([task.name, ", ".join(task.fields), shown + more])
    return table_html(name, ["task", "texts", "labels"], rows)


def table_html(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a small table; all of it is text."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    caption = f"<caption>{escape(title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
