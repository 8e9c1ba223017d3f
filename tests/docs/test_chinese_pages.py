"""What a Chinese page shows as code stands in the English one, so that neither goes stale alone."""

import re
import textwrap
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.name for page in (DOCS / "zh").glob("*.md") if page.name != "index.md")


def blocks(page: Path, languages: str) -> list[str]:
    """Return the code of the blocks in these languages."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(rf"^ *```(?:{languages})\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def commands(page: Path) -> list[str]:
    """Return the shell blocks without their comments, which are translated."""
    return [re.sub(r"(^|\s+)# .*", "", block) for block in blocks(page, "sh")]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_commands_of_both_languages(name: str) -> None:
    assert commands(DOCS / "zh" / name) == commands(DOCS / name)
    code = "python|yaml|console"
    assert set(blocks(DOCS / "zh" / name, code)) <= set(blocks(DOCS / name, code))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_as_many_parts_in_both_languages(name: str) -> None:
    parts = [
        len(re.findall(r"^(?:\*\*|\|)", (folder / name).read_text("utf-8"), re.MULTILINE))
        for folder in (DOCS, DOCS / "zh")
    ]
    assert parts[0] == parts[1]
