"""The page with many labels, and its rows on a phone."""

from collections.abc import Callable

import pytest
from in_browser import MARKS
from test_studio_page import PHONE, Page, address, open_page  # noqa: F401

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
pytestmark = MARKS
HEIGHT = "(name) => document.querySelector(name).getBoundingClientRect().height"


def test_rows_stay_in_reach_below_119_labels(open_page: Callable[..., Page]) -> None:  # noqa: F811
    page = open_page()
    page.key("task").select_option("many")
    page.until("document.querySelectorAll('.label').length === 119")
    page.scored()
    high = page.page.viewport_size["height"]
    assert page.page.evaluate("document.querySelector('.labels').scrollHeight") > 3 * high
    assert page.page.evaluate(HEIGHT, ".labels") < high
    box = page.label(118).locator("input.add")
    box.focus()  # by keyboard too, the frame follows
    assert box.is_visible()
    where = "document.querySelector('.labels').scrollTop"
    before = page.page.evaluate(where)
    assert before > 0
    page.add(118, "一")  # drawn anew, and still where it was
    assert page.words(118)[-1] == "一"
    assert page.page.evaluate(where) == pytest.approx(before, abs=2)


def test_tags_of_right_rows_are_as_high_as_others_on_phones(
    open_page: Callable[..., Page],  # noqa: F811
) -> None:
    page = open_page(PHONE)
    page.page.wait_for_selector(".tag.right")
    one, other = (
        page.page.evaluate(HEIGHT, f"#rows .{name}") for name in ("tag.right", "tag.gold")
    )
    padding = "(name) => getComputedStyle(document.querySelector(name)).padding"
    paddings = {page.page.evaluate(padding, f"#rows .tag.{name}") for name in ("right", "gold")}
    assert len(paddings) == 1
    assert one < 2.5 * other  # it may take two lines
    assert page.fits()


def test_names_wider_than_a_column_are_read_downwards(
    open_page: Callable[..., Page],  # noqa: F811
) -> None:
    page = open_page()  # its labels: one of HTML, `a/b/../c`, `{{x}}`
    heads = page.page.locator(".matrix thead th")
    assert heads.nth(1).locator("span").evaluate("(e) => e.scrollHeight <= e.clientHeight")
    assert heads.nth(1).evaluate("(e) => e.scrollWidth <= e.clientWidth")
    cell = page.page.locator(".matrix .cell").nth(1)
    assert heads.nth(1).bounding_box()["width"] == pytest.approx(
        cell.bounding_box()["width"], abs=4
    )
