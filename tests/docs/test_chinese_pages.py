"""A Chinese page has the code, the headings and the figures of the English one: none goes stale alone."""

import re
import textwrap
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.name for page in (DOCS / "zh").glob("*.md") if page.name != "index.md")
FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def text(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def code(page: str) -> list[str]:
    """Return the blocks of code without their comments, which are translated."""
    return [
        re.sub(r"(^|[^\S\n]+)# .*", "", textwrap.dedent(block), flags=re.MULTILINE)
        for block in FENCED.findall(page)
    ]


def parts(page: str) -> list[str]:
    """Return how each heading, bold beginning and table row begins, in order."""
    return re.findall(r"^(#+ |\*\*|\|)", FENCED.sub("", page), re.MULTILINE)


def figures(page: str) -> list[list[str]]:
    """Return the numbers of each row of the tables."""
    rows = re.findall(r"^\|.*", FENCED.sub("", page), re.MULTILINE)
    return [re.findall(r"\d+(?:[.,]\d+)*", row) for row in rows]


def test_the_pages_of_users_are_there() -> None:
    of_developers = {"architecture.md", "faults.md", "reference.md", "index.md"}
    assert {page.name for page in DOCS.glob("*.md")} - of_developers == set(PAGES)


def test_links_go_to_the_chinese_pages() -> None:
    for page in (DOCS / "zh").glob("*.md"):
        english = re.findall(r"\]\(\.\./([\w-]+\.md)", page.read_text(encoding="utf-8"))
        assert not {*english} & {*PAGES}, page.name


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_code_of_both_languages(name: str) -> None:
    assert code(text(DOCS / "zh", name)) == code(text(DOCS, name))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_parts_of_both_languages(name: str) -> None:
    assert parts(text(DOCS / "zh", name)) == parts(text(DOCS, name))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_figures_of_both_languages(name: str) -> None:
    assert figures(text(DOCS / "zh", name)) == figures(text(DOCS, name))
