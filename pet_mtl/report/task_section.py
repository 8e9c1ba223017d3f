"""The part of the report about one task: scores, labels, confusion matrix, worst confusions, one
row in detail."""

from pet_mtl.report.confusions import FOLD_FROM, matrix_block, worst_block
from pet_mtl.report.data import TaskReport
from pet_mtl.report.labels import label_table
from pet_mtl.report.markup import Html, element
from pet_mtl.report.model_view import model_view
from pet_mtl.report.overview import colour_of
from pet_mtl.report.scatter import scatter


def task_section(task: TaskReport, position: int) -> Html:
    """Return everything about one task."""
    return element(
        "section",
        task_heading(task),
        task_body(task, str(position)),
        *([model_view(task.view)] if task.view else []),
        class_=f"card task {colour_of(position)}",
        id=f"task-{position}",
    )


def task_heading(task: TaskReport) -> Html:
    """Return the task's name and description."""
    return element(
        "h2", element("span", class_="mark"), task.name, element("small", task.description)
    )


def task_body(task: TaskReport, key: str, *, labels: bool = True) -> Html:
    """Return figures, the table of labels where it is wanted, and what was taken for what; `key`
    tells them from others of the page."""
    parts = []
    if labels and task.score.per_label:
        table = label_table(
            list(zip(task.labels, task.main_words, strict=True)), task.score.per_label
        )
        parts.append(element("div", element("h3", "Labels"), table, class_="labels"))
    if task.score.confusion:
        parts.append(matrix_block(task, key))
    if task.points:
        heading, drawn = [element("h3", "Predicted over gold")], scatter(task.points, task.ends)
        if len(task.points) < task.score.examples:
            some = f"{len(task.points):,} of {task.score.examples:,} rows, evenly spaced"
            heading.append(element("p", some, class_="note"))
        parts.append(element("div", heading, drawn, class_="chart scatter"))
    return element(
        "div",
        _figures(task),
        element("div", parts, class_="stacked" if len(task.labels) > FOLD_FROM else "beside"),
        worst_block(task),
    )


def _figures(task: TaskReport) -> Html:
    return element(
        "dl",
        [
            element("div", element("dt", name), element("dd", value, element("small", note)))
            for name, value, note in task.score.shown()
        ],
        class_="figures",
    )
