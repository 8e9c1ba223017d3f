"""Line charts as inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

from pet_mtl.report.axes import (
    BOTTOM,
    HEIGHT,
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
from pet_mtl.report.data import CurvePoint
from pet_mtl.report.markup import Html, element

MOST_POINTS = 300  # a line of some 500 pixels shows no more
SMOOTH_FROM = 24


@dataclass(frozen=True)
class Line:
    """One line of a chart; `css` are the classes that colour it, `markers` shows each point of
    `MOST_POINTS` at most."""

    name: str
    points: Sequence[CurvePoint]
    css: str
    markers: bool = False

    @property
    def averaged(self) -> bool:
        """Whether its moving average is what is read: it has many points, and none is marked."""
        return not self.markers and len(self.points) >= SMOOTH_FROM


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    from_zero: bool,
    note: str = "",
    axis: str = "step",
    at: int | None = None,
) -> Html:
    """Return a figure with axes, lines and a legend that gives each line's last value, or the one
    at step `at`, where the line has it.

    Lines of many points without markers are drawn thin, under their moving average.
    """
    finite = [point for line in lines for point in line.points if math.isfinite(point.value)]
    if not finite:
        return element(
            "figure",
            element("h3", title),
            element("p", "No finite values", class_="none"),
            class_="chart",
        )
    values = [point.value for point in finite]
    y_ticks = nice_ticks(min(0.0, *values) if from_zero else min(values), max(values))
    steps = [point.step for point in finite]
    x_low, x_high = min(0, *steps), max(1, *steps)
    x_ticks = [tick for tick in nice_ticks(x_low, x_high, whole=True) if tick <= x_high]

    def x_at(step: float) -> float:
        return LEFT + (step - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    drawn = [grid(y_ticks), lower_axis(axis)]
    for tick in x_ticks:
        x, y = x_at(tick), HEIGHT - BOTTOM
        drawn.append(element("line", x1=x, x2=x, y1=y, y2=y + 4, class_="axis"))
        drawn.append(lower_label(f"{tick:,.0f}", x))
    for line in lines:
        strokes = [(line.points, "stroke")]
        if line.averaged:
            strokes = [(line.points, "stroke raw"), (moving_average(line.points), "stroke")]
        for points, css in strokes:
            for segment in segments(thin(points)):
                path = " ".join(
                    f"{x_at(point.step):.1f},{y_at(point.value, y_ticks):.1f}" for point in segment
                )
                drawn.append(element("polyline", points=path, class_=f"{css} {line.css}"))
        # a line that was thinned does not pass through its points
        if len(line.points) <= (MOST_POINTS if line.markers else 1):
            drawn += [
                _marker(line, point, x_at(point.step), y_at(point.value, y_ticks), axis)
                for point in line.points
            ]
    heading = [element("h3", title), *([element("p", note, class_="note")] if note else [])]
    return element("figure", heading, canvas(title, drawn), _legend(lines, at), class_="chart")


def _marker(line: Line, point: CurvePoint, x: float, y: float, axis: str) -> Html:
    if not math.isfinite(point.value):
        return Html()
    tip = element("title", f"{line.name}, {axis} {point.step:,}: {point.value:.4f}")
    return element("circle", tip, cx=x, cy=y, r=3.0, class_=f"dot {line.css}")


def _legend(lines: Sequence[Line], at: int | None) -> Html:
    entries = []
    for line in lines:
        shown = moving_average(line.points) if line.averaged else line.points
        told = next((point for point in shown if point.step == at), shown[-1] if shown else None)
        figure = f"{told.value:.3f}" if told else "–"
        swatch = element("span", class_=f"swatch {line.css}")
        entries.append(element("li", swatch, line.name, " ", element("b", figure)))
    return element("ul", entries, class_="legend")


def moving_average(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Return the mean over a window around each point; values that are not finite are left out.

    The window is centred: a mean over the past alone would draw a falling loss too high.
    """
    finite = [point for point in points if math.isfinite(point.value)]
    sums = [0.0, *accumulate(point.value for point in finite)]
    half = max(1, len(finite) // 24)
    smooth = []
    for position, point in enumerate(finite):
        start, stop = max(0, position - half), min(len(finite), position + half + 1)
        smooth.append(CurvePoint(point.step, (sums[stop] - sums[start]) / (stop - start)))
    return smooth


def thin(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Return at most `MOST_POINTS` points: neighbours averaged, the first and the last kept."""
    if len(points) <= MOST_POINTS:
        return list(points)
    bounds = [round(k * len(points) / (MOST_POINTS - 2)) for k in range(MOST_POINTS - 1)]
    middle = []
    for start, stop in pairwise(bounds):
        group = points[start:stop]
        mean = sum(point.value for point in group) / len(group)
        middle.append(CurvePoint(group[len(group) // 2].step, mean))
    return [points[0], *middle, points[-1]]


def segments(points: Sequence[CurvePoint]) -> list[list[CurvePoint]]:
    """Split where a value is not finite, so that the line shows a gap."""
    runs = groupby(points, key=lambda point: math.isfinite(point.value))
    return [list(run) for finite, run in runs if finite]


def mean_curve(curves: Sequence[Sequence[CurvePoint]]) -> list[CurvePoint]:
    """Return the mean over the curves at the steps that all of them have."""
    values = [{point.step: point.value for point in curve} for curve in curves]
    shared = sorted(set.intersection(*map(set, values))) if values else []
    return [CurvePoint(step, sum(each[step] for each in values) / len(values)) for step in shared]
