"""Two tabs on one task: neither writes over what the other saved."""

from collections.abc import Callable
from pathlib import Path

import pytest
from in_browser import MARKS
from test_studio_page import Page, address, open_page  # noqa: F401

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
pytestmark = MARKS


def test_the_second_to_save_sees_what_the_first_saved(
    open_page: Callable[..., Page],  # noqa: F811
    folder: Path,
) -> None:
    one, other = open_page(), open_page()
    one.add(0, "山水")
    other.add(2, "火")
    one.key("save").click()
    one.page.wait_for_selector(".message.good")
    saved = (folder / "topic.txt").read_text(encoding="utf-8")
    assert "山水" in saved
    other.key("save").click()
    other.page.wait_for_selector(".conflict")
    assert "山水" in other.page.inner_text(".difference")
    assert (folder / "topic.txt").read_text(encoding="utf-8") == saved
    assert other.words(2) == ["科", "火"]  # its own edit is still there
    assert [line.split()[0] for line in other.refused] == ["409"]
