"""`init` writes all of its files or none."""

from pathlib import Path

import pytest

from pet_mtl import atomic
from pet_mtl.proposal import propose as module
from pet_mtl.proposal.propose import Request, propose

ROWS = "text,label\n" + "".join(
    f"第{n}行好看的新闻,{'正面' if n % 2 else '负面'}\n" for n in range(12)
)


@pytest.mark.parametrize("kept", ["", "rows.words.txt"])
def test_a_full_disk_leaves_no_half_of_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    data, out = tmp_path / "rows.csv", tmp_path / "out"
    data.write_text(ROWS, encoding="utf-8")
    if kept:
        out.mkdir()
        (out / kept).write_text("mine", encoding="utf-8")

    def write(file: Path, text: str) -> None:
        if file.suffix == ".yaml":
            raise OSError("the disk is full")
        atomic.write_text(file, text)

    monkeypatch.setattr(module, "write_text", write)
    request = Request(data, out=out, model="zh-mini", force=bool(kept))
    with pytest.raises(OSError, match="the disk is full"):
        propose(request)
    assert [file.name for file in out.iterdir()] == ([kept] if kept else [])
    monkeypatch.undo()
    done = propose(request)
    assert done.patterns.is_file()
    assert done.verbalizer.is_file()
