"""Debian's chromium, driven by playwright, for tests of pages: `pytestmark = MARKS` and the fixture
`browser`. Skipped where either is missing; `.ci/run` installs them where it can. `PET_MTL_CHROMIUM`
names another binary."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHROMIUM = os.environ.get("PET_MTL_CHROMIUM") or shutil.which("chromium")
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield opened
        opened.close()


def wait_until(page: Any, condition: Callable[[], bool]) -> None:
    """Look again and again, for at most 30 seconds: a loaded machine may take its time."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "the page never came to it"
        page.wait_for_timeout(40)
