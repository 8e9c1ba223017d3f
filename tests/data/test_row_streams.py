"""Rows in blocks: the same rows, ids and places as all at once, and none of them kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.data import streams
from pet_mtl.data.readers import read_rows
from pet_mtl.data.rows import Rows
from pet_mtl.data.streams import RowStream, cut, open_rows, stream_rows
from pet_mtl.errors import PetMtlError

NAMED = {"title": "title", "label": "label"}
FILES = {
    "a.tsv": lambda texts: "".join(f"{text}\t0\n" for text in texts),
    "b.csv": lambda texts: "".join(f'"{text}",0\n' for text in texts),
    "c.jsonl": lambda texts: "".join(json.dumps({"title": t, "label": "0"}) + "\n" for t in texts),
}


def titles(rows: Rows) -> list[str]:
    return [str(text) for text in rows.fields["title"].to_pylist()]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a few rows, blocks of seven."""
    monkeypatch.setattr("pet_mtl.data.delimited.CHUNK_BYTES", 64)
    monkeypatch.setattr("pet_mtl.data.jsonl.CHUNK_BYTES", 64)
    monkeypatch.setattr("pet_mtl.data.parquet.CHUNK_ROWS", 3)
    monkeypatch.setattr(streams, "BLOCK_ROWS", 7)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", [*FILES, "d.parquet"])
def test_blocks_are_the_rows(make_task: Callable[..., Any], tmp_path: Path, name: str) -> None:
    texts = [f"新闻{number}" * (number % 3 + 1) for number in range(40)]
    if name == "d.parquet":
        pq.write_table(pa.table({"title": texts, "label": ["0"] * 40}), tmp_path / name)
    else:
        (tmp_path / name).write_text(FILES[name](texts), encoding="utf-8")
    task = make_task(NAMED if name[0] in "cd" else None)
    whole, _ = read_rows(name, task, base=tmp_path, labelled=False, tolerant=True)
    stream = open_rows(name, task, base=tmp_path)
    assert (stream.length, stream.paths) == (40, {str(tmp_path / name)})
    for _ in range(2):  # as often as wanted
        blocks = list(stream.blocks())
        assert [len(block) for block in blocks] == [7] * 5 + [5]
        assert [text for block in blocks for text in titles(block)] == titles(whole) == texts
        ids = [one for block in blocks for one in block.ids.to_pylist()]
        assert ids == whole.ids.to_pylist()
        places = [block.where(row) for block in blocks for row in range(len(block))]
        assert places == [whole.where(row) for row in range(40)]
        assert max(len(block.sources.segments) for block in blocks) <= 8


def test_bytes_end_a_block_too(make_task: Callable[..., Any], tmp_path: Path) -> None:
    rows = Rows.of({"title": ["x" * 100] * 6})
    assert [
        len(block) for block in cut([rows.take(np.array([n])) for n in range(6)], 100, 250)
    ] == [
        3,
        3,
    ]
    assert list(cut([], 5)) == []


@pytest.mark.usefixtures("small")
def test_lists_of_labels_do_not_matter(make_task: Callable[..., Any], tmp_path: Path) -> None:
    """Sets of labels stand as lists in JSON; to be predicted they are no bad rows."""
    (tmp_path / "a.jsonl").write_text('{"title": "好", "label": ["0", "1"]}\n' * 9)
    task = make_task(NAMED).model_copy(update={"kind": "multi_label"})
    assert open_rows("a.jsonl", task, base=tmp_path).length == 9
    assert [len(part) for part in stream_rows("a.jsonl", task, base=tmp_path, size=5)] == [5, 4]


@pytest.mark.usefixtures("small")
def test_all_problems_come_before_any_row(make_task: Callable[..., Any], tmp_path: Path) -> None:
    rows = [f"好{n}\t0" + "\tmore" * (n in (11, 30)) for n in range(40)]
    (tmp_path / "a.tsv").write_text("\n".join(rows))
    (tmp_path / "b.tsv").write_text("")
    with pytest.raises(PetMtlError) as caught:
        open_rows("*.tsv", make_task(), base=tmp_path)
    places = [problem.where for problem in caught.value.problems]
    assert places == [
        f"{tmp_path / 'b.tsv'}",
        f"{tmp_path / 'a.tsv'}:12",
        f"{tmp_path / 'a.tsv'}:31",
    ]


def test_rows_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BLOCK_ROWS", 2)
    stream = RowStream.of(Rows.of({"title": ["a", "b", "c"]}, path="stdin"))
    assert (stream.length, stream.paths) == (3, {"stdin"})
    assert [titles(block) for block in stream.blocks()] == [["a", "b"], ["c"]]


@pytest.mark.parametrize("name", ["a.tsv", "a.parquet"])
def test_memory_does_not_grow(make_task: Callable[..., Any], tmp_path: Path, name: str) -> None:
    """200,000 rows, 16 MB of them in one row group, without 4 MB of Arrow at any time."""
    texts = [f"{number:080d}" for number in range(200_000)]
    task = make_task(NAMED if name == "a.parquet" else None)
    if name == "a.parquet":
        pq.write_table(pa.table({"title": texts, "label": ["0"] * len(texts)}), tmp_path / name)
    else:
        (tmp_path / name).write_text(FILES[name](texts))
    before, most, count = pa.total_allocated_bytes(), 0, 0
    for part in stream_rows(name, task, base=tmp_path, size=2_000):
        most, count = max(most, pa.total_allocated_bytes() - before), count + len(part)
    assert count == len(texts)
    assert most < (4 << 20) + (name == "a.parquet") * (36 << 20)
