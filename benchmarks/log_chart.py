"""Lines on logarithmic axes as one SVG file, several panels side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pet_mtl.report.markup import Html, element

WIDTH, HEIGHT, COLUMNS = 360, 270, 2
LEFT, RIGHT, TOP, BOTTOM = 52, 92, 30, 34
# told apart without colours too, by the order of the names at the lines' ends
COLOURS = ("#1f6fb4", "#d1495b", "#2e8b57", "#b8860b", "#6a4c93", "#444444")
NAME_HEIGHT = 13.0  # pixels
FONT = "font-family:system-ui,sans-serif;font-size:11px"


@dataclass(frozen=True)
class Panel:
    """One chart: `lines` has a value above 0 for each size, by name."""

    title: str
    sizes: Sequence[float]
    lines: Mapping[str, Sequence[float]]


def decades(low: float, high: float) -> list[float]:
    """Return the powers of ten from at most `low` to at least `high`.

    >>> decades(0.02, 3)
    [0.01, 0.1, 1.0, 10.0]
    """
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def charts(panels: Sequence[Panel]) -> str:
    """Return an SVG file of all panels, seconds upwards."""
    rows = -(-len(panels) // COLUMNS)
    drawn = [
        element(
            "g",
            _panel(panel),
            transform=f"translate({number % COLUMNS * WIDTH},{number // COLUMNS * HEIGHT})",
        )
        for number, panel in enumerate(panels)
    ]
    width, height = COLUMNS * WIDTH, max(rows, 1) * HEIGHT
    ground = element("rect", width=width, height=height, fill="white")
    whole = element(
        "svg",
        ground,
        drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label="seconds against " + ", ".join(panel.title for panel in panels),
    )
    return f"{whole}\n"


def _panel(panel: Panel) -> list[Html]:
    values = [value for line in panel.lines.values() for value in line if value > 0]
    ticks = decades(min(values), max(values))
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    x_low, x_high = math.log10(min(panel.sizes)), math.log10(max(panel.sizes))
    across = max(x_high - x_low, 1e-9)

    def x_at(size: float) -> float:
        return LEFT + (math.log10(size) - x_low) / across * (WIDTH - LEFT - RIGHT)

    def y_at(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def words(text: str, x: float, y: float, anchor: str, colour: str = "#222") -> Html:
        return element("text", text, x=x, y=y, text_anchor=anchor, fill=colour, style=FONT)

    drawn = [words(panel.title, LEFT, 18, "start"), words("s", LEFT - 8, 18, "end")]
    for tick in ticks:
        y = y_at(tick)
        drawn.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, stroke="#ddd"))
        drawn.append(words(f"{tick:g}", LEFT - 6, y + 4, "end"))
    drawn += [words(f"{size:,.0f}", x_at(size), HEIGHT - 14, "middle") for size in panel.sizes]
    ends = _apart([(y_at(line[-1]), name) for name, line in panel.lines.items() if line[-1] > 0])
    for (name, line), colour in zip(panel.lines.items(), COLOURS, strict=False):
        points = [(x_at(s), y_at(v)) for s, v in zip(panel.sizes, line, strict=True) if v > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn.append(element("polyline", points=path, fill="none", stroke=colour, stroke_width=1.8))
        drawn += [element("circle", cx=x, cy=y, r=2.6, fill=colour) for x, y in points]
        if name in ends:
            drawn.append(words(name, WIDTH - RIGHT + 8, ends[name] + 4, "start", colour))
    return drawn


def _apart(ends: list[tuple[float, str]]) -> dict[str, float]:
    """Return places for the names at the lines' ends, so that none covers another.

    >>> _apart([(100.0, "a"), (104.0, "b")])
    {'a': 100.0, 'b': 113.0}
    """
    placed: dict[str, float] = {}
    last = -math.inf
    for y, name in sorted(ends):
        last = max(y, last + NAME_HEIGHT)
        placed[name] = last
    over = last - (HEIGHT - BOTTOM)
    return {name: y - max(over, 0.0) for name, y in placed.items()}
