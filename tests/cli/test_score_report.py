"""`pet-mtl score --report FILE`."""

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
