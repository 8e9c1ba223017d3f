"""What a task takes for what: the matrix, the confusions that matter, and their rows."""

from pet_mtl.report.data import Confusion, Example, TaskReport
from pet_mtl.report.labels import sortable_table
from pet_mtl.report.markup import Html, apart, element, join, percent
from pet_mtl.report.matrix import cell_id, confusion_svg, matrix_key
from pet_mtl.text import counted

FOLD_FROM = 20  # labels; a matrix of more is folded, under a list of the confusions that matter
LISTED = 30
WORST = 5  # confusions that stand open, with their rows
MOST_TEXT = 400  # characters of a row


def matrix_block(task: TaskReport, key: str) -> Html:
    """Return the confusion matrix; of many labels, the list of confusions and the matrix folded
    below it."""
    names = [task.title_of(label) for label in task.labels]
    with_rows = {_place(task, each) for each in task.confusions}
    f1 = [task.score.per_label[label].f1 for label in task.labels]
    matrix = confusion_svg(task.score.confusion, names, f1, key=key, with_rows=with_rows)
    drawn = [matrix, matrix_key(), _hidden_rows(task, key)]
    heading = element("h3", "Confusion matrix")
    if len(task.labels) <= FOLD_FROM:
        return element("div", heading, drawn)
    folded = element("details", element("summary", f"All {len(names)} × {len(names)} cells"), drawn)
    return element("div", _list(task, key), heading, folded, class_="folded")


def worst_block(task: TaskReport) -> Html:
    """Return the worst confusions with their rows; nothing where there are none."""
    if not task.confusions:
        return Html()
    support = {}
    if task.score.confusion:  # of sets, a label's rows are not those of the set of it alone
        support = {label: each.support for label, each in task.score.per_label.items()}
    blocks = [
        _confusion(task, confusion, support.get(confusion.gold, 0))
        for confusion in task.confusions[:WORST]
    ]
    shown = (
        "the rows furthest off"
        if task.points
        else "rows: the most confident mistakes, with the probability of the predicted "
        + ("label" if task.score.confusion else "set")
    )
    return element(
        "div",
        element("h3", "Worst confusions"),
        element("p", f"gold → predicted; {shown}", class_="note"),
        element("ol", blocks, class_="confusions"),
    )


def cut(text: str) -> str:
    """Return a row's text as far as it is shown.

    >>> len(cut("x" * 1000))
    400
    """
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"


def _place(task: TaskReport, confusion: Confusion) -> tuple[int, int]:
    """Return the row and the column of the matrix where a confusion stands."""
    return task.number[confusion.gold], task.number[confusion.predicted]


def _list(task: TaskReport, key: str) -> Html:
    rows = []
    for each in task.confusions[:LISTED]:
        gold, predicted = task.title_of(each.gold), task.title_of(each.predicted)
        support = task.score.per_label[each.gold].support
        share = each.count / support
        of_gold = f"{each.count:,} of {counted(support, 'row')} ({percent(share)})"
        rows.append(
            element(
                "tr",
                element("td", gold, data_v=each.gold, class_="name"),
                element("td", predicted, data_v=each.predicted, class_="name"),
                element("td", f"{each.count:,}"),
                element("td", percent(share), data_v=f"{share:.6f}"),
                class_="cell",
                data_peek=cell_id(key, *_place(task, each)),
                aria_label=f"{apart(gold)} → {apart(predicted)}: {of_gold}",
            )
        )
    if not rows:
        return Html()
    known = max(task.confused, len(task.confusions))
    note = f"the {len(rows)} most frequent of {counted(known, 'pair')}; point at one for its rows"
    return join(
        element("h3", "Confusions that matter"),
        element("p", note, class_="note"),
        sortable_table(
            ("gold", "predicted", "rows", "share of gold"), rows, "confusions", css="list"
        ),
    )


def _hidden_rows(task: TaskReport, key: str) -> Html:
    """Return the rows of the cells, which the script shows; each text stands in the page once
    more, escaped like any other."""
    cells = []
    for each in task.confusions:
        some = f"the {len(each.examples)} most confident of {each.count:,} rows"
        listed = [_example(task, each, example) for example in each.examples]
        more = [element("p", some, class_="note")] if each.count > len(listed) else []
        cells.append(
            element("div", *more, element("ul", listed), id=cell_id(key, *_place(task, each)))
        )
    known = max(task.confused, len(task.confusions))
    note = "point at a cell for its rows (keyboard: arrow keys)"
    if known > len(cells):
        note += f"; kept are those of the {len(cells)} most frequent of {known:,} confusions"
    says = element("p", note, class_="key") if cells else Html()
    return join(says, element("div", cells, hidden=True))


def _confusion(task: TaskReport, confusion: Confusion, support: int) -> Html:
    share = f", {percent(confusion.count / support)} of gold" if support else ""
    heading = element(
        "p",
        element("b", task.title_of(confusion.gold), class_="gold"),
        element("span", " → ", class_="arrow"),
        element("b", task.title_of(confusion.predicted), class_="taken"),
        element("small", f"{counted(confusion.count, 'row')}{share}"),
        class_="pair",
    )
    examples = [_example(task, confusion, example) for example in confusion.examples]
    return element("li", heading, *([element("ul", examples)] if examples else []))


def _example(task: TaskReport, confusion: Confusion, example: Example) -> Html:
    # An example of this very pair needs no labels of its own; any other keeps what it says.
    other = (example.gold, example.predicted) != (confusion.gold, confusion.predicted)
    pair = apart(task.title_of(example.gold)), apart(task.title_of(example.predicted))
    labels = " → ".join(pair) if other else ""
    probability = Html()
    if example.probability is not None:
        probability = element(
            "span",
            percent(example.probability, decimals=0),
            class_="probability",
            style=f"--p:{example.probability:.2%}",
        )
    return element(
        "li",
        element("span", cut(example.text), class_="text"),
        *([element("small", labels)] if labels else []),
        *([element("small", example.where, class_="where")] if example.where else []),
        probability,
    )
