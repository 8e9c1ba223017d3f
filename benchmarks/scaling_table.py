"""What `scaling.py` found, as slopes, tables and a chart."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from log_chart import Panel
from scaling_axes import AXES, PARTS


def slopes(sizes: Sequence[int], values: Sequence[float]) -> dict[str, float]:
    """Return the slope of a line in log-log, by least squares, and that between the last two
    points.

    >>> slopes([10, 100], [3.0, 30.0])
    {'fit': 1.0, 'last': 1.0}
    """
    if len(sizes) < 2 or min(values) <= 0:
        return {}
    x, y = np.log(sizes), np.log(values)
    fit = float(np.polyfit(x, y, 1)[0])
    return {"fit": round(fit, 2), "last": round(float((y[-1] - y[-2]) / (x[-1] - x[-2])), 2)}


def lines(cells: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return sizes, seconds by part, slopes and memory of each axis."""
    found: dict[str, dict[str, Any]] = {}
    for name in AXES:
        mine = sorted(
            (int(key.partition("/")[2]), cell["rounds"][0])
            for key, cell in cells.items()
            if key.startswith(f"{name}/") and cell["rounds"]
        )
        if not mine:
            continue
        sizes = [size for size, _ in mine]
        seconds = {part: [turn["seconds"][part] for _, turn in mine] for part in PARTS}
        found[name] = {
            "sizes": sizes,
            "seconds": seconds,
            "slopes": {part: slopes(sizes, values) for part, values in seconds.items()},
            "peak_gb": {part: [turn["peak_gb"][part] for _, turn in mine] for part in PARTS},
            "rows": [turn["rows"] for _, turn in mine],
        }
    return found


def markdown(found: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    """Write a table for each axis."""
    text = [
        f"{facts['machine']}; {facts['base']}. Seconds: of all rows for read, encode and plan, of a "
        "thousand rows for train and score. Slopes in log-log over all sizes, and between the last "
        "two.",
    ]
    for name, one in found.items():
        axis = AXES[name]
        head = " | ".join(f"{size:,}" for size in one["sizes"])
        text += [
            "",
            f"**{axis.name}**; expected: {axis.linear}",
            "",
            f"| | {head} | slope | last |",
            f"|---|{'---:|' * (len(one['sizes']) + 2)}",
        ]
        for part in PARTS:
            values = " | ".join(f"{value:.3g}" for value in one["seconds"][part])
            slope = one["slopes"][part]
            told = f"{slope['fit']:.2f} | {slope['last']:.2f}" if slope else "| "
            text.append(f"| {part}, s | {values} | {told} |")
        for part in ("encode", "train", "score"):
            rates = [
                1000 / seconds if part != "encode" else rows / seconds
                for seconds, rows in zip(one["seconds"][part], one["rows"], strict=True)
            ]
            text.append(f"| {part}, rows/s | {' | '.join(f'{rate:,.0f}' for rate in rates)} | | |")
        if name == "rows":
            for part in ("encode", "train"):
                peaks = " | ".join(f"{peak:.2f}" for peak in one["peak_gb"][part])
                text.append(f"| peak memory up to {part}, GB | {peaks} | | |")
    return "\n".join(text) + "\n"


def panels(found: Mapping[str, Mapping[str, Any]]) -> list[Panel]:
    """Return a panel for each axis."""
    return [
        Panel(
            AXES[name].name,
            one["sizes"],
            {
                f"{part} {slope['fit']:.2f}" if (slope := one["slopes"][part]) else part: values
                for part, values in one["seconds"].items()
            },
        )
        for name, one in found.items()
    ]
