"""A Chinese page has the commands of the English one, so that neither goes stale alone."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.name for page in (DOCS / "zh").glob("*.md") if page.name != "index.md")


def commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_same_commands_in_both_languages(name: str) -> None:
    assert commands(DOCS / "zh" / name) == commands(DOCS / name)


def test_some_pages_have_commands() -> None:
    assert sum(bool(commands(DOCS / "zh" / name)) for name in PAGES) >= 4
