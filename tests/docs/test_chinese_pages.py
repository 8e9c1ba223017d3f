"""A Chinese page has the code, the headings and the figures of the English one: none goes stale alone."""

import re
import textwrap
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.name for page in (DOCS / "zh").glob("*.md") if page.name != "index.md")
FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


# one word for one thing: what is not said, and what is said instead
TERMS = {
    "词元": "token",
    "开发集": "验证集",
    "少量样本的": "少样本的",
    "zero-shot": "零样本",
    "bootstrap": "自助法",
    "macro-F1": "宏平均 F1",
    "遮住": "掩盖",
    "随机猜测": "随机水平",
    "词向量": "词嵌入",
    "正确率": "准确率",
    "字 n-gram": "字符 n-gram",
}
ONCE_EXPLAINED = re.compile(r"（(?:zero-shot|bootstrap|macro-F1)[，）]")


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


@pytest.mark.parametrize(
    "page",
    [*sorted((DOCS / "zh").glob("*.md")), DOCS.parent / "README.zh-CN.md"],
    ids=lambda page: page.name,
)
def test_a_thing_has_one_name(page: Path) -> None:
    prose = ONCE_EXPLAINED.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))
    prose = re.sub(r"`[^`]*`", "", prose)
    assert not {said: meant for said, meant in TERMS.items() if said in prose}


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"])
def test_links_of_the_front_pages_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text(DOCS.parent, name))):
        if link.startswith("http"):
            continue
        file, _, anchor = link.partition("#")
        page = DOCS.parent / (file or name)
        assert page.exists(), link
        if anchor:
            there = page.read_text(encoding="utf-8")
            names = {
                re.sub(r"[^\w-]", "", heading.strip().lower().replace(" ", "-"))
                for heading in re.findall(r"^#+ (.*)", there, re.MULTILINE)
            } | {*re.findall(r'<a id="([^"]+)"', there)}
            assert anchor in names, link
