"""The part of the report about one task: scores, labels, confusion matrix, worst confusions, one
row in detail."""

from collections.abc import Sequence

from pet_mtl.report.data import Confusion, Example, TaskReport
from pet_mtl.report.markup import Html, element, percent
from pet_mtl.report.matrix import confusion_svg, matrix_key
from pet_mtl.report.model_view import model_view
from pet_mtl.report.overview import colour_of
from pet_mtl.report.scatter import scatter

BESIDE_MATRIX = 20  # with more labels, the label table goes above the matrix, in columns
COLUMNS = 2


def task_section(task: TaskReport, position: int) -> Html:
    """Return everything about one task."""
    many = len(task.labels) > BESIDE_MATRIX
    names = [task.title_of(label) for label in task.labels]
    parts = []
    if task.score.per_label:
        parts.append(element("div", element("h3", "Labels"), _label_tables(task), class_="labels"))
    if task.score.confusion:
        matrix = confusion_svg(task.score.confusion, names)
        parts.append(element("div", element("h3", "Confusion matrix"), matrix, matrix_key()))
    if task.points:
        drawn = scatter(task.points, task.ends)
        parts.append(element("div", element("h3", "Predicted over gold"), drawn))
    return element(
        "section",
        element(
            "h2", element("span", class_="mark"), task.name, element("small", task.description)
        ),
        _figures(task),
        element(
            "div",
            parts,
            class_="stacked" if many else "beside",
        ),
        _confusions(task),
        *([model_view(task.view)] if task.view else []),
        class_=f"card task {colour_of(position)}",
        id=f"task-{position}",
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


def _label_tables(task: TaskReport) -> Html:
    labels = list(zip(task.labels, task.main_words, strict=True))
    rows = -(-len(labels) // (COLUMNS if len(labels) > BESIDE_MATRIX else 1))
    tables = [
        _label_table(task, labels[start : start + rows]) for start in range(0, len(labels), rows)
    ]
    return element("div", tables, class_="tables")


def _label_table(task: TaskReport, labels: Sequence[tuple[str, str]]) -> Html:
    head = [
        element("th", title, scope="col") for title in ("label", "F1", "prec.", "recall", "rows")
    ]
    rows = []
    for label, word in labels:
        each = task.score.per_label[label]
        name = (
            [element("b", word), " ", element("small", label)]
            if word not in ("", label)
            else [element("b", label)]
        )
        track = element("span", element("i", style=f"width:{each.f1:.2%}"), class_="track")
        rows.append(
            element(
                "tr",
                element("th", name, scope="row"),
                element("td", element("span", track, f"{each.f1:.3f}", class_="f1")),
                element("td", f"{each.precision:.3f}"),
                element("td", f"{each.recall:.3f}"),
                element("td", f"{each.support:,}"),
                class_="absent" if each.support == 0 else None,
            )
        )
    return element("table", element("thead", element("tr", head)), element("tbody", rows))


def _confusions(task: TaskReport) -> Html:
    if not task.confusions:
        return Html()
    support = {label: each.support for label, each in task.score.per_label.items()}
    blocks = [
        _confusion(task, confusion, support.get(confusion.gold, 0)) for confusion in task.confusions
    ]
    note = (
        "gold → predicted; rows: the most confident mistakes, with the probability of the "
        "predicted label"
    )
    return element(
        "div",
        element("h3", "Worst confusions"),
        element("p", note, class_="note"),
        element("ol", blocks, class_="confusions"),
    )


def _confusion(task: TaskReport, confusion: Confusion, support: int) -> Html:
    share = f", {percent(confusion.count / support)} of gold" if support else ""
    heading = element(
        "p",
        element("b", task.title_of(confusion.gold), class_="gold"),
        element("span", " → ", class_="arrow"),
        element("b", task.title_of(confusion.predicted), class_="taken"),
        element(
            "small", (f"{confusion.count:,} {'row' if confusion.count == 1 else 'rows'}{share}")
        ),
        class_="pair",
    )
    examples = [_example(task, confusion, example) for example in confusion.examples]
    return element("li", heading, *([element("ul", examples)] if examples else []))


def _example(task: TaskReport, confusion: Confusion, example: Example) -> Html:
    # An example of this very pair needs no labels of its own; any other keeps what it says.
    other = (example.gold, example.predicted) != (confusion.gold, confusion.predicted)
    labels = (
        (f"{task.title_of(example.gold)} → {task.title_of(example.predicted)}") if other else ""
    )
    return element(
        "li",
        element("span", example.text, class_="text"),
        *([element("small", labels)] if labels else []),
        *([element("small", example.where, class_="where")] if example.where else []),
        element(
            "span",
            percent(example.probability, decimals=0),
            class_="probability",
            style=f"--p:{example.probability:.2%}",
        ),
    )
