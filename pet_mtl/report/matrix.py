"""The confusion matrix as inline SVG: rows are gold labels, columns are predictions."""

import math
from collections.abc import Container, Mapping, Sequence
from unicodedata import east_asian_width

from pet_mtl.report.labels import scroll_box
from pet_mtl.report.markup import Html, apart, element, percent
from pet_mtl.text import counted

SMALLEST_CELL, LARGEST_CELL = 18.0, 60.0
TARGET_WIDTH = 495.0  # of the cells together, while they are neither too small nor too large
LONGEST_LABEL = 11.0  # em
# from these shares of the row on, the count is written in the colour that reads on dark cells: in
# the dark scheme, and in both
STRONG, FULL = 0.5, 0.8
_BROAD = frozenset("mwMW@%#&+<=>^~…")
MOST_CELLS = 2500  # drawn: of 500 labels and 100,000 rows, every cell would be megabytes


def confusion_svg(
    confusion: Sequence[Sequence[int]],
    names: Sequence[str],
    f1: Sequence[float] = (),
    *,
    key: str = "",
    with_rows: Container[tuple[int, int]] = (),
) -> Html:
    """Return the matrix, each cell shaded by its share of the gold row and showing its count.

    Args:
        confusion: gold rows and predicted columns `[K, K]`.
        names: of the labels.
        f1: of each label, for the page's script to order them by.
        key: what tells this matrix from others of the page.
        with_rows: the cells whose rows the page has, see `cell_id`.
    """
    size = len(names)
    cell = min(LARGEST_CELL, max(SMALLEST_CELL, TARGET_WIDTH / max(size, 1)))
    font = min(13.0, max(10.0, cell * 0.4))
    short = [shorten(name, LONGEST_LABEL) for name in names]
    label_width = max(em_width(name) for name in short) * font
    left = math.ceil(max(label_width, font * 5) + 12)
    slant = math.ceil(label_width * math.sqrt(0.5) + font)  # column labels are turned by 45 degrees
    top, right = max(slant, 34), max(slant - cell / 2, 4)
    width, height = left + size * cell + right, top + size * cell + 4
    drawn = [
        element("text", "gold ↓", x=left - 8, y=top - 8, text_anchor="end", class_="title"),
        element("rect", x=left, y=top, width=size * cell, height=size * cell, class_="ground"),
    ]
    totals = [sum(counts) for counts in confusion]
    for k, (name, full) in enumerate(zip(short, names, strict=True)):
        middle = top + (k + 0.5) * cell + font * 0.36
        cut = [element("title", full)] if name != full else []
        text = element("text", cut, name, x=left - 8, y=middle, text_anchor="end", class_="label")
        facts: dict[str, str | float] = {
            "data_f1": f"{f1[k]:.4f}" if f1 else "0",
            "data_rows": totals[k],
            "data_missed": totals[k] - confusion[k][k],
        }
        drawn.append(element("g", text, data_r=k, **facts))
        x, y = left + (k + 0.5) * cell + font * 0.3, top - 7
        turn = f"translate({x:.1f} {y}) rotate(-45)"
        text = element("text", cut, name, transform=turn, class_="label")
        drawn.append(element("g", text, data_c=k))
    kept, left_out = drawn_cells(confusion)
    for row, column in kept:
        count, total = confusion[row][column], totals[row]
        at = (left + column * cell, top + row * cell)
        tip = (
            f"{apart(names[row])} → {apart(names[column])}: {count:,} of {counted(total, 'row')} "
            f"({percent(count / total)})"
        )
        more: dict[str, str | float] = {"data_r": row, "data_c": column}
        if (row, column) in with_rows:
            more["data_peek"] = cell_id(key, row, column)
        drawn.append(_cell(at, cell, count, count / total, tip, more, right=row == column))
    for row, total in enumerate(totals):
        if not total:
            middle = top + (row + 0.5) * cell
            ends = {"x1": left + 4, "x2": left + size * cell - 4}
            drawn.append(element("line", **ends, y1=middle, y2=middle, class_="empty", data_r=row))
    svg = element(
        "svg",
        drawn,
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="group",
        aria_label="confusion matrix",
        data_cell=f"{cell:.4f}",
        style=f"--label:{font:.1f}px",
    )
    note = f"not drawn: {left_out:,} cells of the fewest rows"
    return element(
        "div",
        scroll_box(svg, "confusion matrix", css="matrix"),
        *([element("p", note, class_="key")] if left_out else []),
    )


def cell_id(key: str, row: int, column: int) -> str:
    """Return the id of the element with the rows of a cell."""
    return f"rows-{key}-{row}-{column}"


def drawn_cells(confusion: Sequence[Sequence[int]]) -> tuple[list[tuple[int, int]], int]:
    """Return the cells `(row, column)` that are drawn, and how many are not: the diagonal and the
    most frequent confusions, row by row."""
    found = [
        (row, column)
        for row, counts in enumerate(confusion)
        for column, count in enumerate(counts)
        if count
    ]
    if len(found) <= MOST_CELLS:
        return found, 0
    found.sort(key=lambda cell: (cell[0] != cell[1], -confusion[cell[0]][cell[1]]))
    return sorted(found[:MOST_CELLS]), len(found) - MOST_CELLS


def _cell(
    at: tuple[float, float],
    size: float,
    count: int,
    share: float,
    tip: str,
    more: Mapping[str, str | float],
    *,
    right: bool,
) -> Html:
    written = compact(count)
    font = min(13.0, (size - 2.5) / max(1.75, 0.58 * len(written)))
    css = ("hit" if right else "miss") + depth(share)
    gap = 0.5 if size < 24 else 1.0
    return element(
        "g",
        element("title", tip),
        element(
            "rect",
            x=at[0] + gap,
            y=at[1] + gap,
            width=size - 2 * gap,
            height=size - 2 * gap,
            rx=min(4.0, size / 9),
            fill_opacity=shade(share),
        ),
        element(
            "text",
            written,
            x=at[0] + size / 2,
            y=at[1] + size / 2 + font * 0.36,
            text_anchor="middle",
            font_size=font,
        ),
        class_=css,
        role="img",
        **more,
    )


def matrix_key() -> Html:
    """Return the key to the shading."""
    steps = (0.05, 0.25, 0.5, 0.75, 1.0)
    swatches = {
        kind: [element("i", class_=kind, style=f"opacity:{shade(share):.2f}") for share in steps]
        for kind in ("hit", "miss")
    }
    return element(
        "p",
        element("span", swatches["hit"], " right"),
        element("span", swatches["miss"], " wrong"),
        element("span", "shade: share of the gold row, 5 % to 100 %; columns: predicted"),
        class_="key",
    )


def shade(share: float) -> float:
    """Return the opacity for a share of the row: small shares must still show, so it rises fast at
    first."""
    return 0.07 + 0.93 * float(share**0.7)


def depth(share: float) -> str:
    """Return the classes that colour the text of a cell."""
    return (" strong" if share >= STRONG else "") + (" full" if share >= FULL else "")


def compact(count: int) -> str:
    """Write a count in at most four characters.

    >>> compact(940), compact(9_400), compact(94_000), compact(999_900), compact(9_400_000)
    ('940', '9.4k', '94k', '1.0M', '9.4M')
    """
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if count >= 0.9995 * unit:
            return f"{count / unit:.{1 if count < 9.95 * unit else 0}f}{name}"
    return str(count)


def em_width(text: str) -> float:
    """Return the width of text in em, as far as it can be known without the font: in a broad one,
    as what is broader than its room would be cut."""
    return sum(map(_em, text))


def _em(character: str) -> float:
    if east_asian_width(character) in "WF":
        return 1.0
    if character in _BROAD:
        return 0.9
    return 0.7 if character.isupper() else 0.64 if character.isdigit() else 0.58


def shorten(text: str, most: float) -> str:
    """Cut text to at most `most` em, marked with an ellipsis."""
    if em_width(text) <= most:
        return text
    kept = ""
    for character in text:
        if em_width(kept + character) > most - 1:
            break
        kept += character
    return kept.rstrip() + "…"
