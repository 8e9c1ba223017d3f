import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.report.axes import HEIGHT, WIDTH, nice_ticks
from pet_mtl.report.charts import (
    MOST_POINTS,
    Line,
    line_chart,
    mean_curve,
    moving_average,
    segments,
    thin,
)
from pet_mtl.report.data import CurvePoint

NAN = math.nan


def curve(*values: float) -> list[CurvePoint]:
    return [CurvePoint(10 * (k + 1), value) for k, value in enumerate(values)]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 3, [0, 1, 2, 3]),
        (0.13, 0.58, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        (0, 600, [0, 200, 400, 600]),
        (-0.5, 0.5, [-0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6]),
    ],
)
def test_nice_ticks(low: float, high: float, expected: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(expected)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_nice_ticks_enclose_the_range(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    slack = 1e-6 * max(1.0, abs(low), span)
    assert 2 <= len(ticks) <= 9
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + span - slack


def test_step_ticks_are_whole() -> None:
    assert nice_ticks(0, 3, whole=True) == [0, 1, 2, 3]


def test_moving_average_is_centred_and_skips_what_is_not_finite() -> None:
    straight = curve(*range(100))
    smooth = moving_average(straight)
    assert [point.value for point in smooth[4:96]] == pytest.approx(list(range(4, 96)))
    assert [point.step for point in moving_average(curve(1.0, NAN, 3.0))] == [10, 30]


def test_thin_keeps_ends_and_level() -> None:
    points = curve(*(1.0 for _ in range(5000)))
    short = thin(points)
    assert len(short) <= MOST_POINTS
    assert (short[0], short[-1]) == (points[0], points[-1])
    assert {point.value for point in short} == {1.0}
    assert [point.step for point in short] == sorted({point.step for point in short})
    assert thin(points[:5]) == points[:5]


def test_gaps_where_a_value_is_not_finite() -> None:
    parts = segments(curve(1.0, 2.0, NAN, 3.0, math.inf))
    assert [[point.value for point in part] for part in parts] == [[1.0, 2.0], [3.0]]


def test_mean_curve_uses_shared_steps_only() -> None:
    first, second = curve(0.2, 0.4), [CurvePoint(20, 0.8), CurvePoint(30, 0.9)]
    assert mean_curve([first, second]) == [CurvePoint(20, pytest.approx(0.6))]
    assert mean_curve([]) == []


def test_chart_stays_inside_its_box_and_names_its_lines() -> None:
    lines = [
        Line("a<b", curve(2.0, 1.0, 0.5), "c0", markers=True),
        Line("mean", curve(1.0, 7.5, 3.0), "mean"),
    ]
    chart = line_chart("Dev macro-F1", lines, from_zero=True, note="per task")
    numbers = [
        pair.split(",")
        for found in re.findall(r'points="([^"]+)"', chart)
        for pair in found.split()
    ]
    assert len(numbers) == 6
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in numbers)
    assert chart.count("<circle") == 3
    assert "a&lt;b <b>0.500</b>" in chart
    assert "a&lt;b, step 20: 1.0000" in chart
    assert ">step</text>" in chart
    assert "a&lt;b, trial 20: 1.0000" in line_chart("x", lines, from_zero=True, axis="trial")


@pytest.mark.parametrize("count", [MOST_POINTS, MOST_POINTS + 100])
def test_dots_stand_on_their_line(count: int) -> None:
    values = [0.1, 0.9, 0.4] * count
    line = Line("a", curve(*values[:count]), "c0", markers=True)
    chart = line_chart("x", [line], from_zero=True, at=10 * count)
    (path,) = re.findall(r'points="([^"]+)"', chart)
    assert len(path.split()) == MOST_POINTS
    assert chart.count("<circle") == (count if count <= MOST_POINTS else 0)
    assert f"<b>{values[count - 1]:.3f}</b>" in chart  # nothing is averaged in the legend


def test_long_noisy_lines_are_smoothed() -> None:
    chart = line_chart(
        "Training loss", [Line("tnews", curve(*([1.0, 2.0] * 50)), "c0")], from_zero=True
    )
    assert chart.count("<polyline") == 2
    assert 'class="stroke raw c0"' in chart


@pytest.mark.parametrize(
    "values", [(0.5,), (0.5, 0.5), (0.0, 0.0, 0.0), (1e-9, 2e-9), (NAN, 1.0), (-1.0, 1e6)]
)
def test_odd_values_still_make_a_chart(values: tuple[float, ...]) -> None:
    chart = line_chart("x", [Line("a", curve(*values), "c0", markers=True)], from_zero=False)
    assert "<svg" in chart
    assert not re.search(r'="[^"]*\b(nan|inf)\b', chart)


def test_nothing_finite_is_said() -> None:
    assert "No finite values" in line_chart(
        "x", [Line("a", curve(NAN, math.inf), "c0")], from_zero=True
    )
