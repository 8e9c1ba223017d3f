"""Which task uses which expert: the gates and routes of a kind of sharing as heat maps."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pet_mtl.report.labels import scroll_box
from pet_mtl.report.markup import Html, element
from pet_mtl.report.matrix import depth, em_width, shade, shorten

if TYPE_CHECKING:
    from pet_mtl.model.sharing.routes import Routes

_CELL, _FONT, _LONGEST = 46.0, 12.0, 11.0


def routes_section(routes: Sequence["Routes"]) -> Html:
    """Return a card with a map for each level; nothing where there is none."""
    if not routes:
        return Html()
    maps = [
        element("div", *([element("h3", one.title)] if one.title else []), _map(one))
        for one in routes
    ]
    note = (
        "what each row takes of each column, 0 to 1; gates that depend on the text as a mean over "
        "dev rows"
    )
    return element(
        "section",
        element("h2", "Which task uses what"),
        element("p", note, class_="note"),
        element("div", maps, class_="charts"),
        class_="card",
    )


def _map(routes: "Routes") -> Html:
    """Draw one level: rows read, columns are read, a cell is shaded by its weight."""
    rows = [shorten(name, _LONGEST) for name in routes.readers]
    columns = [shorten(name, _LONGEST) for name in routes.sources]
    left = math.ceil(max(map(em_width, rows)) * _FONT + 12)
    slant = math.ceil(max(map(em_width, columns)) * _FONT * math.sqrt(0.5) + _FONT)
    width, height = left + len(columns) * _CELL + slant, slant + len(rows) * _CELL * 0.6 + 4
    drawn = []
    for k, (name, full) in enumerate(zip(rows, routes.readers, strict=True)):
        y = slant + (k + 0.5) * _CELL * 0.6 + _FONT * 0.36
        tip = [element("title", full)] if name != full else []
        drawn.append(element("text", tip, name, x=left - 8, y=y, text_anchor="end", class_="label"))
    for k, (name, full) in enumerate(zip(columns, routes.sources, strict=True)):
        turn = f"translate({left + (k + 0.4) * _CELL:.1f} {slant - 6}) rotate(-45)"
        tip = [element("title", full)] if name != full else []
        drawn.append(element("text", tip, name, transform=turn, class_="label"))
    for k, weights in enumerate(routes.weights):
        for column, weight in enumerate(weights):
            hover = f"{routes.readers[k]} ← {routes.sources[column]}: {weight:.3f}"
            drawn.append(_cell(left + column * _CELL, slant + k * _CELL * 0.6, weight, hover))
    svg = element(
        "svg",
        drawn,
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label="which task uses what",
        style=f"--label:{_FONT:.1f}px",
    )
    return scroll_box(svg, "which task uses what", css="matrix")


def _cell(x: float, y: float, weight: float, tip: str) -> Html:
    share = min(1.0, abs(weight)) if math.isfinite(weight) else 0.0
    rect = element(
        "rect", x=x + 1, y=y + 1, width=_CELL - 2, height=_CELL * 0.6 - 2, rx=3,
        fill_opacity=shade(share) if share else 0.04,
    )  # fmt: skip
    text = element(
        "text", f"{weight:.2f}", x=x + _CELL / 2, y=y + _CELL * 0.3 + 4, text_anchor="middle",
        font_size=11,
    )  # fmt: skip
    css = ("hit" if weight >= 0 else "miss") + depth(share)
    return element("g", element("title", tip), rect, text, class_=css)
