"""The parts of the report about the whole run: header, settings, learning curves."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pet_mtl.report.charts import Line, line_chart, mean_curve
from pet_mtl.report.data import CurvePoint, ReportData, TaskCurves, TaskReport
from pet_mtl.report.markup import Html, element, join

COLOURS = 8


def colour_of(position: int) -> str:
    """Return the classes that colour a task; from the ninth task on, colours repeat with dashed
    lines."""
    return f"c{position % COLOURS}" + (" dashed" if position >= COLOURS else "")


def page_header(
    command: str,
    title: str,
    about: Sequence[str],
    facts: Sequence[tuple[str, str]] = (),
    *figures: Html,
) -> Html:
    """Return what a page begins with: the command that wrote it, its title, what it is about, large
    figures, short facts."""
    listed = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    return element(
        "header",
        element("p", f"pet_mtl {command}", class_="overline"),
        element("h1", title),
        element("p", [element("span", text) for text in about], class_="meta"),
        *figures,
        *([element("dl", listed, class_="facts")] if listed else []),
    )


def header_section(data: ReportData) -> Html:
    """Return title, mean macro-F1, each task's macro-F1 with its interval, and the facts of the
    run."""
    several = len(data.tasks) > 1
    name = data.mean[0]
    over = f"mean {name} over {len(data.tasks)} tasks" if several else name
    figure = element(
        "div",
        element("strong", f"{data.mean[1]:.3f}"),
        element("span", over),
        class_="figure",
    )
    tasks = element(
        "ol",
        [_task_line(task, position) for position, task in enumerate(data.tasks)],
        class_="tasks",
    )
    scale = element(
        "div", [element("span", tick) for tick in ("0", "0.25", "0.5", "0.75", "1")], class_="scale"
    )
    caption = element("p", "whisker: 95 % interval, bootstrap over rows", class_="note")
    hero = element("div", figure, element("div", tasks, scale, caption), class_="hero")
    return page_header("report", data.title, (data.model, data.created), data.facts, hero)


def _task_line(task: TaskReport, position: int) -> Html:
    figure = task.score.main
    low, high = figure.ci95
    return element(
        "li",
        element("a", task.name, href=f"#task-{position}"),
        whisker(figure.value, low, high),
        element("b", f"{figure.value:.3f}"),
        element("small", f"{low:.3f} – {high:.3f}"),
        class_=colour_of(position),
    )


def whisker(value: float, low: float, high: float) -> Html:
    """Return a bar from 0 to `value` on a scale from 0 to 1, with the interval as a whisker; what a
    correlation has below 0 is not drawn."""
    end, left, right = (min(1.0, max(0.0, each)) for each in (value, low, high))
    bar = element("i", class_="bar", style=f"width:{end:.2%}")
    interval = element("i", class_="interval", style=f"left:{left:.2%};width:{right - left:.2%}")
    return element(
        "span",
        bar,
        interval,
        class_="whisker",
        title=f"{value:.4f}, 95 % interval {low:.4f} to {high:.4f}",
    )


def settings_section(settings: Mapping[str, Any]) -> Html:
    """Return all settings, folded, one table for each group; nested keys are joined by dots."""
    if not settings:
        return Html()
    groups: dict[str, list[tuple[str, str]]] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            groups[key] = list(_flat(value))
        else:
            groups.setdefault("", []).append((key, _written(value)))
    tables = [
        element(
            "section",
            *([element("h3", name)] if name else []),
            element("dl", [[element("dt", key), element("dd", value)] for key, value in entries]),
        )
        for name, entries in sorted(groups.items(), key=lambda group: group[0] != "")
        if entries
    ]
    return element(
        "details",
        element("summary", "Settings"),
        element("div", tables, class_="groups"),
        class_="settings",
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _written(value)


def _written(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "\n".join(map(_written, value)) or "–"
    return str(value)


def curves_section(
    tasks: Sequence[TaskReport],
    conflicts: Sequence[CurvePoint] = (),
    terms: Mapping[str, Sequence[CurvePoint]] = {},
    name: str = "macro-F1",
    best_step: int | None = None,
) -> Html:
    """Return the charts of training loss, dev scores (called `name`), weights, conflicts and loss
    terms, those that were recorded; the legend of the scores tells those of the step that was
    kept."""
    charts = []
    if losses := _lines(tasks, lambda curves: curves.train_loss):
        averaged = any(line.averaged for line in losses)
        note = f"per task{'; thin: as measured, thick: moving average' if averaged else ''}"
        charts.append(line_chart("Training loss", losses, from_zero=True, note=note))
    if scores := _lines(tasks, lambda curves: curves.dev_score, markers=True):
        note = "per task, at each evaluation, before calibration"
        kept = best_step
        mean = mean_curve([line.points for line in scores]) if len(scores) > 1 else []
        judged = [point for point in mean or scores[0].points if math.isfinite(point.value)]
        if judged and (mean or len(scores) == 1):
            best = max(judged, key=lambda point: point.value)
            note += f"; highest{' mean' if mean else ''} {best.value:.3f} at step {best.step:,}"
            kept = best.step if best_step is None else best_step
            note += f"; below: at step {kept:,}{'' if best_step is None else ', which was kept'}"
        if mean:
            scores.append(Line("mean", mean, "mean", markers=True))
        charts.append(line_chart(f"Dev {name}", scores, from_zero=False, note=note, at=kept))
    if weights := _lines(tasks, lambda curves: curves.weight):
        charts.append(line_chart("Weights", weights, from_zero=True, note="of each task's losses"))
    if conflicts:
        note = "share of the pairs of tasks whose gradients point against each other"
        lines = [Line("all tasks", conflicts, "mean")]
        charts.append(line_chart("Conflicts", lines, from_zero=True, note=note))
    for position, (name, points) in enumerate(terms.items()):  # their scales differ
        note = "loss term, mean over the rows that it acts on"
        lines = [Line("all tasks", points, colour_of(position))]
        charts.append(line_chart(name, lines, from_zero=True, note=note))
    if not charts:
        return Html()
    return join(
        element(
            "section",
            element("h2", "Learning curves"),
            element("div", charts, class_="charts"),
            class_="card",
        )
    )


def _lines(
    tasks: Sequence[TaskReport],
    curve: Callable[[TaskCurves], Sequence[CurvePoint]],
    *,
    markers: bool = False,
) -> list[Line]:
    """Return a line for each task that has such a curve."""
    return [
        Line(task.name, points, colour_of(k), markers)
        for k, task in enumerate(tasks)
        if (points := curve(task.curves))
    ]
