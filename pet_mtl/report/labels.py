"""How well each label of a task is found, as a table that the page's script sorts."""

from collections.abc import Iterable, Mapping, Sequence

from pet_mtl.metrics.score import LabelScore
from pet_mtl.report.markup import Html, element

TALL = 20  # rows from which on a table scrolls in a box of its own


def sortable_table(
    head: Iterable[str], rows: Sequence[Html], name: str, *, css: str = "", whole: bool = False
) -> Html:
    """Return a table that the page's script sorts, in a `scroll_box`; where it is to be seen
    `whole`, one that scrolls only to the side."""
    table = element(
        "table",
        element("thead", element("tr", [element("th", title, scope="col") for title in head])),
        element("tbody", rows),
        class_=f"sortable {css}".rstrip(),
    )
    tall = len(rows) > TALL and not whole
    return scroll_box(table, name, css="tall" if tall else "")


def scroll_box(content: Html, name: str, *, css: str = "") -> Html:
    """Return a box that scrolls, also by the keyboard, where its content does not fit; the page's
    script says so above it."""
    box = f"scroll {css}".rstrip()
    return element("div", content, class_=box, tabindex="0", role="region", aria_label=name)


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
    head = ("label", "F1", "prec.", "recall", "rows")
    return sortable_table(head, rows, "scores of each label")
