"""Predicted numbers over the gold ones, as inline SVG."""

from collections.abc import Sequence

from pet_mtl.report.axes import nice_ticks
from pet_mtl.report.markup import Html, element

SIDE, LEFT = 320, 44
BOTTOM, TOP = 36, 12


def scatter(points: Sequence[tuple[float, float]], ends: tuple[float, float]) -> Html:
    """Return a square with a dot for each row, gold to the right and predicted upwards; on the line
    they agree."""
    ticks = [tick for tick in nice_ticks(*ends) if ends[0] <= tick <= ends[1]]
    low, high = ends

    def x_at(value: float) -> float:
        return LEFT + (value - low) / (high - low) * SIDE

    def y_at(value: float) -> float:
        return TOP + SIDE - (value - low) / (high - low) * SIDE

    drawn = [
        [
            element("line", x1=LEFT, x2=LEFT + SIDE, y1=y_at(t), y2=y_at(t), class_="grid"),
            element("text", f"{t:g}", x=LEFT - 8, y=y_at(t) + 4, text_anchor="end"),
            element("text", f"{t:g}", x=x_at(t), y=TOP + SIDE + 18, text_anchor="middle"),
        ]
        for t in ticks
    ]
    line = element("line", x1=x_at(low), y1=y_at(low), x2=x_at(high), y2=y_at(high), class_="axis")
    dots = [
        element(
            "circle",
            element("title", f"gold {gold:.3g}, predicted {predicted:.3g}"),
            cx=x_at(gold),
            cy=y_at(predicted),
            r=2.5,
            class_="dot",
        )
        for gold, predicted in points
    ]
    names = [
        element(
            "text", "gold →", x=LEFT + SIDE, y=TOP + SIDE + 33, text_anchor="end", class_="title"
        ),
        element("text", "predicted ↑", x=LEFT + 6, y=TOP + 12, class_="title"),
    ]
    width, height = LEFT + SIDE + 14, TOP + SIDE + BOTTOM
    return element(
        "svg",
        drawn,
        line,
        dots,
        names,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label="predicted over gold",
    )
