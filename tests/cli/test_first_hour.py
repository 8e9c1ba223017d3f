"""The table of docs/first-hour.md: GBK, semicolons, columns of no usual name, thirty labels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "examples" / "tickets.csv"


def test_init_finds_what_each_column_is(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("工单.csv").write_bytes(TABLE.read_bytes())
    ran = call("init", "工单.csv", "--task", "tickets", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["columns"] == {
        "客户说了什么": "客户说了什么？",
        "label": "最终分类(勿改)",
        "id": "工单 编号",
    }
    assert len(ran.json["labels"]) == 30
    assert {label["rows"] for label in ran.json["labels"].values()} == {10}
    assert ran.json["slots"]["slots"] == 2
    assert "GB18030" in ran.json["reason"]
    assert Path("tickets.yaml").is_file()


def test_the_table_is_as_odd_as_the_page_says() -> None:
    raw = TABLE.read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    head, *rows = raw.decode("gbk").splitlines()
    assert head == "工单 编号;客户说了什么？;受理渠道;最终分类(勿改)"
    texts = [row.split(";")[1] for row in rows]
    assert len(texts) == len(set(texts)) == 300


def test_average_of_runs_names_their_checkpoints(
    refuse: Callable[..., str], checkpoint: Path
) -> None:
    run = checkpoint.resolve().parent / "run"
    run.mkdir()
    (run / "checkpoint").symlink_to(checkpoint.resolve())
    words = refuse("average", run, run, "--out", "mean")
    assert f"{run / 'checkpoint'}" in words
