"""The pages in a real browser: Debian's chromium, driven by playwright; see
`tests/studio/test_studio_page.py`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_report import fake_report, fake_task
from in_browser import MARKS, wait_until
from scored_cases import kinds_suite, labels_suite, made_up

from pet_mtl.report.page import report_page
from pet_mtl.report.scored import score_page

pytestmark = MARKS
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1200, "height": 900}
Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a page, and fail at the end if the browser complained of anything."""
    said: list[str] = []
    opened = []

    def open_(html: Any, size: dict[str, int] = DESK, scheme: str = "light") -> Any:
        file = tmp_path / f"{len(opened)}.html"
        file.write_text(html, encoding="utf-8")
        page = browser.new_page(viewport=size, color_scheme=scheme)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(file.as_uri())
        opened.append(page)
        return page

    yield open_
    for page in opened:
        page.close()
    assert said == []


def labels_page(count: int) -> Any:
    labels = {f"intent_{k:03d}": f"词{k}" for k in range(count)}
    return report_page(fake_report([fake_task("task", "", labels, accuracy=0.6)]))


def column(page: Any, number: int) -> list[str]:
    return list(page.locator(f".labels tbody tr > :nth-child({number})").all_inner_texts())


@pytest.mark.parametrize("count", [2, 15, 119])
@pytest.mark.parametrize(
    ("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"]
)
def test_pages_fit_and_what_does_not_says_so(
    open_page: Open, count: int, size: dict[str, int], scheme: str
) -> None:
    page = open_page(labels_page(count), size, scheme)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    look = (
        "[...document.querySelectorAll('.scroll')].map(box => [box.scrollWidth - box.clientWidth > "
        "1, box.previousElementSibling.matches('.cue:not([hidden])'), "
        "box.classList.contains('after')])"
    )
    wait_until(
        page, lambda: all(beyond == cue == fades for beyond, cue, fades in page.evaluate(look))
    )
    boxes = page.evaluate(look)
    assert boxes
    if size is PHONE and count > 2:
        assert any(beyond for beyond, *_ in boxes)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 200) == (scheme == "dark")


def test_long_labels_are_broken_and_never_reach_over_their_rows(open_page: Open) -> None:
    labels = {"long_" + "x" * 80: "体育", "a label of " + "many words " * 8: "财经", "جيد": "好"}
    html = report_page(fake_report([fake_task("task", "", labels, accuracy=0.5)]))
    for size in (PHONE, DESK):
        page = open_page(html, size)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(
            "[...document.querySelectorAll('.pair')].every(pair => [...pair.children].every(one => "
            "one.getBoundingClientRect().right <= pair.getBoundingClientRect().right + 1))"
        )


def test_numbers_are_drawn_in_the_colours_and_the_size_of_charts(
    open_page: Open, tmp_path: Path, backbone: Path
) -> None:
    html = score_page([made_up(kinds_suite(tmp_path, backbone), "a", 1)])
    for size, scheme in ((PHONE, "dark"), (DESK, "light")):
        page = open_page(html, size, scheme)
        colour = "getComputedStyle(document.querySelector('{}')).{}"
        fill = page.evaluate(colour.format(".scatter text", "fill"))
        assert fill == page.evaluate(colour.format(".note", "color"))
        assert page.locator(".scatter svg").bounding_box()["width"] <= 420


def test_labels_are_sorted_by_click_and_by_keyboard(open_page: Open) -> None:
    page = open_page(labels_page(15))
    own = column(page, 2)
    button = page.locator(".labels th button").nth(1)
    head = page.locator(".labels thead th").nth(1)
    assert head.get_attribute("aria-sort") is None
    button.click()
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, 2) == sorted(own, reverse=True) != own
    button.focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, 2) == sorted(own)
    page.locator(".labels th button").nth(0).click()
    assert head.get_attribute("aria-sort") is None
    assert column(page, 2) == own  # the labels are numbered


def test_a_cell_shows_its_rows_when_it_is_pointed_at_or_focused(open_page: Open) -> None:
    page = open_page(labels_page(15))
    cell = page.locator(".matrix .miss[data-peek]").first
    cell.scroll_into_view_if_needed()
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    cell.hover()
    page.locator(".peek").wait_for(state="visible")
    assert "intent_" in page.inner_text(".peek .said")
    assert page.locator(".peek li").count() > 0
    page.keyboard.press("Escape")
    assert not page.locator(".peek").is_visible()
    page.locator(".matrix g[tabindex='0']").focus()
    before = page.inner_text(".peek .said")
    page.keyboard.press("ArrowDown")
    wait_until(page, lambda: page.inner_text(".peek .said") != before)
    assert page.locator(".matrix g[tabindex='0']").count() == 1


def test_many_labels_are_folded_and_their_matrix_can_be_ordered(open_page: Open) -> None:
    page = open_page(labels_page(119))
    assert not page.locator(".matrix svg").is_visible()
    listed = page.locator(".list tbody tr")
    assert listed.count() == 30
    counts = [int(n) for n in page.locator(".list tbody td:nth-child(3)").all_inner_texts()]
    assert counts == sorted(counts, reverse=True)
    listed.first.focus()
    page.wait_for_timeout(400)  # the focus scrolls there, which must not close the rows again
    assert page.locator(".peek").is_visible()
    assert page.locator(".peek li").count() > 0
    page.locator(".folded summary").click()
    assert page.locator(".matrix svg").is_visible()
    page.select_option(".order select", label="weakest F1 first")
    tops = page.evaluate(
        "[...document.querySelectorAll('.matrix [data-f1]')].map(one => "
        "[+one.dataset.f1, one.getBoundingClientRect().top])"
    )
    by_place = [f1 for f1, _ in sorted(tops, key=lambda pair: pair[1])]
    assert by_place == sorted(by_place)
    # the diagonal stays the diagonal
    assert page.evaluate(
        "[...document.querySelectorAll('.matrix .hit')].every(one => { const [x, y] = "
        "one.getAttribute('transform').match(/-?[0-9.]+/g); return Math.abs(x - y) < 0.01; })"
    )


def test_what_texts_and_labels_hold_is_never_run(open_page: Open, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=\"document.title='x'\"><script>document.title='y'</script>"
    suite = labels_suite(tmp_path / "suite", 30, rows=200, text=hostile)
    page = open_page(score_page([made_up(suite, hostile, 1), made_up(suite, "b", 2)]))
    title = page.title()
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.locator(".list tbody tr").last.focus()
    page.locator(".peek").wait_for(state="visible")
    assert hostile in page.inner_text(".peek")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    assert page.title() == title


def test_the_policy_refuses_any_other_script(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    bad = "<script>document.title='run'</script><p onclick=1>"
    file.write_text(str(labels_page(2)).replace("<footer>", f"{bad}<footer>"), encoding="utf-8")
    page, said = browser.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    assert page.title() != "run"
    assert any("Content Security Policy" in text for text in said)
    page.close()
