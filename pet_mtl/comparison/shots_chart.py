"""Learning curves over the number of labelled rows, as inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from pet_mtl.comparison.shots import Shots
from pet_mtl.comparison.statistics import Spread
from pet_mtl.report.axes import (
    LEFT,
    RIGHT,
    WIDTH,
    canvas,
    grid,
    lower_axis,
    lower_label,
    nice_ticks,
    y_at,
)
from pet_mtl.report.markup import Html, element

_ASIDE = 5.0  # pixels between the whiskers of two methods, so that none hides another


@dataclass(frozen=True)
class ShotsLine:
    """One method: its scores by shots, and the classes that colour it."""

    name: str
    points: dict[Shots, Spread]
    css: str


def shots_chart(title: str, shots: Sequence[Shots], lines: Sequence[ShotsLine]) -> Html:
    """Return a figure with a line for each method, means with ± sd; the shots stand at equal
    distances."""
    spreads = [spread for line in lines for spread in line.points.values()]
    ticks = nice_ticks(
        min(s.mean - (s.sd or 0) for s in spreads), max(s.mean + (s.sd or 0) for s in spreads)
    )
    step = (WIDTH - LEFT - RIGHT) / len(shots)

    def x_at(number: Shots, line: int = 0) -> float:
        return LEFT + step * (shots.index(number) + 0.5) + _ASIDE * (line - (len(lines) - 1) / 2)

    # labels stand below the middle of the methods' points
    middle = LEFT + step / 2 - x_at(shots[0], 0)
    drawn = [grid(ticks), lower_axis("rows for each label")]
    drawn += [lower_label(str(number), x_at(number) + middle) for number in shots]
    for place, line in enumerate(lines):
        points = [(number, x_at(number, place), spread) for number, spread in line.points.items()]
        path = " ".join(f"{x:.1f},{y_at(spread.mean, ticks):.1f}" for _, x, spread in points)
        drawn.append(element("polyline", points=path, class_=f"stroke {line.css}"))
        for number, x, spread in points:
            if spread.sd:
                low, high = (y_at(spread.mean + side * spread.sd, ticks) for side in (-1, 1))
                whisker = element("line", x1=x, x2=x, y1=low, y2=high, class_=f"stroke {line.css}")
                drawn.append(whisker)
            tip = element("title", f"{line.name}, {number}: {spread.mean:.4f}")
            y = y_at(spread.mean, ticks)
            drawn.append(element("circle", tip, cx=x, cy=y, r=3.0, class_=f"dot {line.css}"))
    legend = [
        element("li", element("span", class_=f"swatch {line.css}"), line.name) for line in lines
    ]
    return element(
        "figure",
        element("h3", title),
        canvas(title, drawn),
        element("ul", legend, class_="legend"),
        class_="chart",
    )
