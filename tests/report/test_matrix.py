import re

import pytest

from pet_mtl.report.matrix import compact, confusion_svg, em_width, shade, shorten


def test_cells_show_counts_and_shares_of_the_gold_row() -> None:
    svg = confusion_svg([[8, 2], [0, 5]], ["0 所以", "1 <可能>"])
    assert "0 所以 → 1 &lt;可能&gt;: 2 of 10 rows (20\xa0%)" in svg
    assert svg.count('<g class="') == 3  # empty cells are not drawn
    assert svg.count('<g class="hit strong full"') == 2
    assert svg.count('<g class="miss"') == 1
    assert f'fill-opacity="{shade(0.2):.2f}"' in svg


def test_row_without_gold_is_marked() -> None:
    assert confusion_svg([[3, 0], [0, 0]], ["a", "b"]).count('class="empty"') == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 15, 60, 150])
def test_everything_is_inside_the_picture(size: int) -> None:
    names = [f"label_{k} 主要的词" for k in range(size)]
    svg = confusion_svg([[1234] * size for _ in range(size)], names)
    width, height = map(float, re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups())  # type: ignore[union-attr]
    for x, y, side in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', svg):
        assert float(x) + float(side) <= width
        assert float(y) + float(side) <= height
    fonts = [float(found) for found in re.findall(r'font-size="([\d.]+)"', svg)]
    assert min(fonts) >= 6.5
    assert max(fonts) <= 13


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "1"),
        (999, "999"),
        (1000, "1.0k"),
        (9949, "9.9k"),
        (9951, "10k"),
        (123_456, "123k"),
        (4_200_000, "4.2M"),
    ],
)
def test_compact_counts_fit_a_cell(count: int, expected: str) -> None:
    assert compact(count) == expected
    assert len(expected) <= 4


def test_labels_written_from_the_right_do_not_turn_the_arrow_round() -> None:
    svg = confusion_svg([[1, 1], [0, 1]], ["جيد", "سيئ"])
    assert "\u2068جيد\u2069 → \u2068سيئ\u2069: 1 of 2 rows" in svg
    assert "\u2068سيئ\u2069: 1 of 1 row (" in svg


# as DejaVu Sans, broader than most, sets them
@pytest.mark.parametrize(
    ("label", "width"),
    [("TECHNOLOGY", 6.96), ("2023000111", 6.39), ("<b>x", 2.9), ("technology", 5.54)],
)
def test_no_label_is_broader_than_the_room_that_is_left_for_it(label: str, width: float) -> None:
    assert width <= em_width(label) < width + 0.6


def test_shade_grows_and_never_vanishes() -> None:
    shades = [shade(share / 100) for share in range(101)]
    assert shades == sorted(shades)
    assert shades[0] > 0.05
    assert shades[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "text", ["短", "109 科技", "一个非常非常非常长的标签名字", "a_very_long_label_name_here"]
)
def test_shorten_fits(text: str) -> None:
    assert em_width(shorten(text, 8)) <= 8
    assert shorten(text, 99) == text
