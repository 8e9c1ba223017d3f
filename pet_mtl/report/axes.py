"""What charts have in common: their size, their axes, round numbers at them."""

import math
from collections.abc import Iterable, Sequence

from pet_mtl.report.markup import Html, element

WIDTH, HEIGHT = 540, 290
LEFT, RIGHT = 46, 14
TOP, BOTTOM = 10, 46


def canvas(title: str, drawn: Iterable[Html]) -> Html:
    """Return a drawing of the common size."""
    return element("svg", drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=title)


def y_at(value: float, ticks: Sequence[float]) -> float:
    """Return how many pixels below the top a value stands that is between the ticks."""
    share = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def grid(ticks: Sequence[float]) -> Html:
    """Return a line and a figure for each tick of the upright axis."""
    decimals = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    drawn = []
    for tick in ticks:
        y = y_at(tick, ticks)
        drawn += [
            element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"),
            element("text", f"{tick:.{decimals}f}", x=LEFT - 8, y=y + 4, text_anchor="end"),
        ]
    return element("g", drawn)


def lower_axis(name: str) -> Html:
    """Return the lower axis and its name."""
    y, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    line = element("line", x1=LEFT, x2=right, y1=y, y2=y, class_="axis")
    named = element("text", name, x=right, y=HEIGHT - 6, text_anchor="end", class_="title")
    return element("g", line, named)


def lower_label(text: str, x: float) -> Html:
    """Return a text below the lower axis, around `x`."""
    return element("text", text, x=x, y=HEIGHT - BOTTOM + 18, text_anchor="middle")


def nice_ticks(low: float, high: float, *, count: int = 5, whole: bool = False) -> list[float]:
    """Return about `count` round numbers, evenly spaced, from at most `low` to at least `high`.

    >>> nice_ticks(0.13, 0.58)
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    """
    if high - low < 1e-9:
        low, high = low - max(abs(low) * 0.1, 1e-3), high + max(abs(high) * 0.1, 1e-3)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    if whole:
        step = max(1.0, round(step))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]
