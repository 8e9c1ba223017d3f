"""`sweep.html`: how the scores rose, what mattered, and every trial."""

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pet_mtl.atomic import write_bytes
from pet_mtl.report.axes import LEFT, RIGHT, WIDTH, canvas, grid, lower_label, nice_ticks, y_at
from pet_mtl.report.charts import Line, line_chart
from pet_mtl.report.data import CurvePoint
from pet_mtl.report.labels import scroll_box
from pet_mtl.report.markup import Html, element, percent
from pet_mtl.report.overview import page_header
from pet_mtl.report.page import html_page
from pet_mtl.sweep.result import SweepResult, TrialResult, setting_names

MOST_ROWS = 200  # trials in the table
LETTER = 11  # width of a Chinese character at an axis
MOST_MARKS = 4  # values of a setting that are written at the axis each by itself


def write_page(file: Path, result: SweepResult) -> None:
    """Write the page of a sweep that has a best trial."""
    write_bytes(file, sweep_page(result).encode("utf-8", errors="replace"))


def sweep_page(result: SweepResult) -> Html:
    """Return the page: the best, the history, what mattered, a chart for each setting, the
    trials."""
    created = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    sections = [
        _header(result, created),
        _history(result),
        _importance(result),
        _settings(result),
        _table(result),
    ]
    return html_page(f"{result.suite} · sweep · pet_mtl", sections, created)


def _header(result: SweepResult, created: str) -> Html:
    best, counts = result.best, result.counts
    assert best is not None
    assert best.score is not None
    done = (
        f"{counts['complete']} to the end, {counts['pruned']} stopped early, "
        f"{counts['fail']} failed"
    )
    facts = [
        ("trials", f"{len(result.trials)} of {result.wanted}: {done}"),
        *((name, shown(value)) for name, value in best.settings.items()),
        *((name, f"{score:.4f}") for name, score in best.tasks.items()),
    ]
    figure = element(
        "div",
        element("strong", f"{best.score:.3f}"),
        element(
            "span",
            f"best dev score, trial {best.number + 1} in trials/{best.number:03d}; "
            "its settings: best.yaml",
        ),
        class_="figure",
    )
    return page_header(
        "sweep", result.suite, [created], facts, element("div", figure, class_="hero")
    )


def _history(result: SweepResult) -> Html:
    points = [CurvePoint(trial.number + 1, trial.score or 0.0) for trial in result.ended]
    best = [
        CurvePoint(point.step, max(other.value for other in points[: place + 1]))
        for place, point in enumerate(points)
    ]
    runs = [
        Line(
            f"trial {trial.number + 1}",
            [CurvePoint(step, value) for step, value in trial.curve.items()],
            f"c{place % 8}",
            markers=True,
        )
        for place, trial in enumerate(result.ranked[:5])
    ]
    charts = [
        line_chart(
            "Scores by trial",
            [Line("score", points, "c0", markers=True), Line("best so far", best, "mean")],
            from_zero=False,
            axis="trial",
        ),
        line_chart("The five best by step, before calibration", runs, from_zero=False),
    ]
    return element(
        "section", element("h2", "History"), element("div", charts, class_="charts"), class_="card"
    )


def _importance(result: SweepResult) -> Html:
    title = element("h2", "What mattered")
    if not result.importance:
        few = "Four finished trials with different scores are needed to say it."
        return element("section", title, element("p", few, class_="none"), class_="card")
    bars = [
        element(
            "li",
            element("span", name),
            element("span", element("i", style=f"width:{share:.1%}"), class_="track"),
            element("b", percent(share)),
            class_="c0",
        )
        for name, share in result.importance.items()
    ]
    note = "share of the spread of the scores that each setting explains (functional ANOVA)"
    body = [element("p", note, class_="note"), element("ul", bars, class_="bars")]
    return element("section", title, *body, class_="card scores")


def _settings(result: SweepResult) -> Html:
    ended = result.ended
    charts = [_scatter(name, ended, log=name in result.log) for name in setting_names(ended)]
    note = "scores of the trials that came to the end; the full dot is the best"
    return element(
        "section",
        element("h2", "Settings"),
        element("p", note, class_="note"),
        element("div", charts, class_="charts"),
        class_="card",
    )


def _scatter(name: str, trials: Sequence[TrialResult], *, log: bool) -> Html:
    """Return a chart of the scores over a setting's values; values that are no numbers stand at
    equal distances."""
    values = [trial.settings[name] for trial in trials]
    numeric = all(type(value) in (int, float) for value in values)
    kinds = sorted({shown(value) for value in values})
    places = [
        (math.log10(value) if log else float(value)) if numeric else kinds.index(shown(value))
        for value in values
    ]
    scores = [trial.score or 0.0 for trial in trials]
    low, high = min(places), max(places)
    room = ((high - low) * 0.05 or 1.0) if numeric else 0.5
    low, high = low - room, high + room
    y_ticks = nice_ticks(min(scores), max(scores))

    def x_at(place: float) -> float:
        return LEFT + (place - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    if numeric and len(kinds) <= MOST_MARKS:
        each = dict(zip(values, places, strict=True))
        marks, labels = [float(place) for place in each.values()], [shown(v) for v in each]
    elif numeric:
        marks = [low + room + (high - low - 2 * room) * k / 4 for k in range(5)]
        labels = [f"{10**mark:.2g}" if log else f"{mark:.4g}" for mark in marks]
    else:
        marks, labels = [float(k) for k in range(len(kinds))], _cut(kinds)
    labelled = zip(marks, labels, strict=True)
    drawn = [grid(y_ticks), *(lower_label(label, x_at(mark)) for mark, label in labelled)]
    best = max(range(len(scores)), key=scores.__getitem__)
    for number, (trial, place, score) in enumerate(zip(trials, places, scores, strict=True)):
        tip = f"trial {trial.number + 1}: {shown(trial.settings[name])}, {score:.4f}"
        css = "dot mean" if number == best else "dot c0"
        x, y = x_at(place), y_at(score, y_ticks)
        drawn.append(element("circle", element("title", tip), cx=x, cy=y, r=4.0, class_=css))
    return element("figure", element("h3", name), canvas(name, drawn), class_="chart")


def _cut(texts: Sequence[str]) -> list[str]:
    """Return texts that have room beside each other at an axis, from where they differ if their
    beginnings are the same.

    >>> _cut(["words/topics/first.txt", "words/topics/second.txt"])
    ['…s/first.txt', '…s/second.txt']
    """
    most = max(3, min(16, int((WIDTH - LEFT - RIGHT) / max(1, len(texts)) / LETTER)))
    if max(map(len, texts)) > most and len(texts) > 1:
        letters = enumerate(zip(*texts, strict=False))
        same = next((k for k, each in letters if len(set(each)) > 1), min(map(len, texts)))
        if same > most // 2:
            texts = [f"…{text[same - 2 :]}" for text in texts]
    return [text if len(text) <= most else f"{text[: most - 1]}…" for text in texts]


def shown(value: Any) -> str:
    """Write a setting's value for readers.

    >>> shown(0.00031234), shown(2), shown(["a", "b"])
    ('0.000312', '2', 'a · b')
    """
    if isinstance(value, float):
        return f"{value:.3g}"
    return " · ".join(map(shown, value)) if isinstance(value, list | tuple) else str(value)


def _table(result: SweepResult) -> Html:
    rest = [trial for trial in result.trials if trial.score is None]
    rows = [*result.ranked, *rest][:MOST_ROWS]
    names = setting_names(rows)
    head = element("tr", [element("th", text) for text in ("trial", "score", *names, "")])
    body = []
    for trial in rows:
        score = "–" if trial.score is None else f"{trial.score:.4f}"
        cells = [element("td", shown(trial.settings.get(name, "–"))) for name in names]
        words = {"complete": "", "pruned": "stopped early"}
        state = trial.why or words.get(trial.state, trial.state)
        body.append(
            element(
                "tr",
                element("th", str(trial.number + 1)),
                element("td", score),
                *cells,
                element("td", state, class_="name"),
            )
        )
    left = len(result.trials) - len(rows)
    more = [element("p", f"and {left:,} more", class_="note")] if left > 0 else []
    table = element("table", element("thead", head), element("tbody", body), class_="figures-of")
    return element(
        "section",
        element("h2", "Trials"),
        scroll_box(table, "trials", css="wide"),
        *more,
        class_="card",
    )
