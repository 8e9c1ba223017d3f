"""The page with tasks of sets and of numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_browser import MARKS
from test_studio_page import Page, address, open_page  # noqa: F401
from toy_kinds import write_kinds

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
pytestmark = MARKS


@pytest.fixture
def make_app(tmp_path: Path, character_backbone: Path) -> Callable[[], Any]:
    from pet_mtl.studio.app import Choice, create_app
    from pet_mtl.words.loaded import load

    loaded = load(write_kinds(tmp_path, character_backbone), None)
    return lambda: create_app(loaded, Choice(place=tmp_path / "cache"))


def test_sets_and_numbers(open_page: Callable[..., Page]) -> None:  # noqa: F811
    page = open_page()  # the first task has sets
    text, count = page.page.inner_text, page.page.locator
    page.add(0, "水")
    assert count("#now-exact_match").count() == 1
    assert count(".bar-row").count() == 3
    assert (count(".matrix").count(), count("[data-key=suggest]").count()) == (0, 1)
    assert count("#rows .tag.gold").count() == 16
    assert " · " in text("#rows")  # a set of several labels
    page.key("row-kind").select_option("wrong")
    page.settled()
    assert count("#rows .tag.right:not(.struck)").count() == 0
    page.key("reset").click()  # what is not saved would be asked about
    page.key("task").select_option("alike")
    page.page.wait_for_selector("#now-pearson")
    page.settled()
    assert count(".bar-row, [data-key=row-label], [data-key=suggest]").count() == 0
    number = count("#rows .row").nth(0).locator(".tag").last.inner_text()
    count("#rows .look").nth(0).click()
    page.page.wait_for_selector("#said")
    assert text("#said") == number
    page.key("task").select_option("stars")  # one label, as ever
    page.scored()
    assert count(".matrix").count() == 1
