"""The documentation builds strictly and without network, is whole, and loads nothing from others."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    nowhere = "http://127.0.0.1:9"  # a page that asked the network would fail here
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)],
        cwd=ROOT,
        env=os.environ | {"https_proxy": nowhere, "http_proxy": nowhere},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_each_page_is_there(site):
    pages = {
        page.relative_to(ROOT / "docs").with_suffix("") for page in (ROOT / "docs").rglob("*.md")
    }
    built = {page.relative_to(site).with_suffix("") for page in site.rglob("*.html")}
    assert pages <= built


def test_each_page_stands_in_the_navigation():
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert re.search(rf"\b{re.escape(str(page.relative_to(ROOT / 'docs')))}$", listed, re.M), (
            page
        )


@pytest.mark.parametrize("folder", ["docs", "docs/zh"])
def test_each_page_is_linked_from_the_index(folder):
    """The readme calls the index all pages, and a repository's browser shows no navigation."""
    index = (ROOT / folder / "index.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / folder).glob("*.md")} - {"index.md"}
    assert pages <= set(re.findall(r"\]\(([\w-]+\.md)\)", index))


def test_lists_are_lists(site):
    for page in site.rglob("*.html"):
        assert not re.search(r"^(?:<p>)?- ", _prose(page), re.M), page


def _prose(page):
    return re.sub(r"<pre.*?</pre>", "", page.read_text("utf-8"), flags=re.S)


def test_nothing_is_loaded_from_other_sites(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|img|iframe)[^>]*src="(https?:[^"]*)"', page.read_text("utf-8")
        )
        sheets = re.findall(
            r'<link[^>]*rel="stylesheet"[^>]*href="(https?:[^"]*)"', page.read_text("utf-8")
        )
        assert not loaded + sheets, page
        # the theme's script asks GitHub about the repository where it finds this
        assert 'data-md-component="source"' not in page.read_text("utf-8"), page


def test_chinese_words_are_found(site):
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    (page,) = (one for one in index["docs"] if one["location"] == "zh/words.html")
    words = re.split(index["config"]["separator"], page["title"])
    assert words == ["标签", "词"]  # as the theme's plugin cuts them


def test_ends_of_lines_are_no_spaces_in_chinese(site):
    for page in (site / "zh").rglob("*.html"):
        assert not re.search("[\u4e00-\u9fff，。：；、]\n[\u4e00-\u9fff]", _prose(page)), page
    code = re.findall(r"<pre.*?</pre>", (site / "zh/methods.html").read_text("utf-8"), flags=re.S)
    assert any("\n" in one for one in code)


def test_only_pages_are_published_and_each_names_its_language(site):
    assert not list(site.rglob("*.pyc"))
    for page in (site / "zh").rglob("*.html"):
        text = page.read_text("utf-8")
        assert '<html lang="zh-CN"' in text, page
        assert "Table of contents" not in text, page
    assert '<html lang="en"' in (site / "index.html").read_text("utf-8")


def test_the_reference_holds_the_docstrings(site):
    text = (site / "reference.html").read_text("utf-8")
    for name in ("PetClassifier", "TrainedRun", "predict_proba", "zero-shot"):
        assert name in text


def test_links_that_leave_the_docs_point_into_the_repository(site):
    text = (site / "words.html").read_text("utf-8")
    assert "/blob/main/benchmarks/results/words_try.json" in text
