"""How well each label of a task is found, as a table that the page's script sorts."""

from collections.abc import Mapping, Sequence

from pet_mtl.metrics.score import LabelScore
from pet_mtl.report.markup import Html, element

TALL = 20  # rows from which on a table scrolls in a box of its own


def scrolling(table: Html, name: str, *, rows: int = 0) -> Html:
    """Return a table in a box that scrolls, also by the keyboard, where it does not fit."""
    css = "scroll tall" if rows > TALL else "scroll"
    return element("div", table, class_=css, tabindex="0", role="region", aria_label=name)


def label_cells(label: str, word: str) -> Html:
    """Return the head of a label's row: its main word, and the label beside it."""
    parts = (
        [element("b", word), " ", element("small", label)]
        if word not in ("", label)
        else [element("b", label)]
    )
    return element("th", parts, scope="row")


def label_table(labels: Sequence[tuple[str, str]], scores: Mapping[str, LabelScore]) -> Html:
    """Return F1, precision, recall and rows of each label, which come with their main words."""
    head = [
        element("th", title, scope="col") for title in ("label", "F1", "prec.", "recall", "rows")
    ]
    rows = []
    for label, word in labels:
        each = scores[label]
        track = element("span", element("i", style=f"width:{each.f1:.2%}"), class_="track")
        rows.append(
            element(
                "tr",
                label_cells(label, word),
                element("td", element("span", track, f"{each.f1:.3f}", class_="f1")),
                element("td", f"{each.precision:.3f}"),
                element("td", f"{each.recall:.3f}"),
                element("td", f"{each.support:,}"),
                class_="absent" if each.support == 0 else None,
            )
        )
    table = element(
        "table",
        element("thead", element("tr", head)),
        element("tbody", rows),
        class_="sortable",
    )
    return scrolling(table, "scores of each label", rows=len(rows))
