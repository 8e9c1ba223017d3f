"""`pet-mtl score --report FILE`."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def test_checkpoints_stand_side_by_side(call: Call, checkpoint: Path, tmp_path: Path) -> None:
    other = shutil.copytree(checkpoint, tmp_path / "other")
    plain = call("score", checkpoint, other, "--json")
    ran = call("score", checkpoint, other, "--json", "--report", "pages/score.html")
    assert ran.code == 0, ran.err
    tasks = [[one["tasks"] for one in each.json["checkpoints"]] for each in (plain, ran)]
    assert tasks[0] == tasks[1]
    assert "report: pages/score.html" in ran.err
    page = (tmp_path / "pages" / "score.html").read_text(encoding="utf-8")
    assert "B − A" in page
    assert "+0.0000 [+0.0000, +0.0000]" in page
    assert f"{tasks[0][0]['topic']['macro_f1']:.4f}" in page
    assert str(tmp_path) not in page


@pytest.mark.parametrize("name", [".", "file/page.html"])
def test_a_place_that_cannot_be_written(
    call: Call, checkpoint: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("")
    ran = call("score", checkpoint, "--report", name)
    assert ran.code == 2
    assert "--report page.html" in ran.err
    assert ran.out == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_page_takes_no_other_places(call: Call, checkpoint: Path, tmp_path: Path) -> None:
    """A pipe or a device stays one, and so do a link and who may read what it leads to."""
    pipe, page, link = (tmp_path / name for name in ("pipe", "page.html", "link.html"))
    os.mkfifo(pipe)
    ran = call("score", checkpoint, "--report", pipe)
    assert (ran.code, ran.out) == (2, "")
    assert "a device or a pipe" in ran.err
    assert pipe.is_fifo()
    page.write_text("mine")
    page.chmod(0o600)
    link.symlink_to(page)
    (tmp_path / ".page.html.0123abcd.new").write_text("half")  # by a killed process
    assert call("score", checkpoint, "--report", link).code == 0
    assert link.is_symlink()
    assert page.read_text(encoding="utf-8").startswith("<!")
    assert page.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".page.html*"))
