"""Files of any size: block by block the bytes of all at once; a file appears whole or not at all."""

import csv
import gc
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import toy_suite

from pet_mtl.data import streams
from pet_mtl.data.readers import read_rows
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.scoring import prediction_files
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel
from pet_mtl.scoring.prediction_files import predict_files
from pet_mtl.scoring.records import WRITERS, Details, Predicted
from pet_mtl.storage.checkpoint import write_checkpoint
from pet_mtl.suite.suite import load_suite

DETAILS = Details(top=2, probabilities=True, text=True)


@pytest.fixture
def checkpoint(tmp_path: Path, backbone: Path) -> Path:
    toy_suite.write_suite(tmp_path / "suite", backbone)
    suite = load_suite(tmp_path / "suite" / "toy.yaml")
    loaded = LoadedModel(suite.model, suite)
    write_checkpoint(tmp_path / "checkpoint", loaded.mlm, loaded.tokenizer, suite, {})
    return tmp_path / "checkpoint"


@pytest.fixture
def data(tmp_path: Path) -> dict[str, str]:
    topic = [[f"id-{n}", "新\"闻'体育,"[n % 4 :] * (n % 5 + 1), "?"] for n in range(30)]
    pair = [["这是", "好" * (n % 6 + 1)] for n in range(11)]
    files = {"topic": topic, "pair": pair}
    return {
        name: str(toy_suite.write_rows(tmp_path / f"{name}.tsv", rows))
        for name, rows in files.items()
    }


@pytest.fixture
def blocks_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def change(rows: int) -> None:
        monkeypatch.setattr(streams, "BLOCK_ROWS", rows)
        monkeypatch.setattr(prediction_files, "BLOCK_ROWS", rows)

    return change


@pytest.mark.parametrize("output", ["jsonl", "csv", "tsv"])
def test_one_block_has_the_bytes_of_all_rows_at_once(
    checkpoint: Path, data: dict[str, str], tmp_path: Path, output: Any
) -> None:
    """The oracle reads, scores and writes everything at once, all tasks in the same batches."""
    loaded = LoadedCheckpoint(checkpoint)
    rows = {
        name: read_rows(file, loaded.suite.tasks[name], base=Path(), labelled=False, tolerant=True)[
            0
        ]
        for name, file in data.items()
    }
    log_probs = loaded.log_probs(rows)
    for file in predict_files(checkpoint, data, tmp_path / "out", output=output, details=DETAILS):
        task = loaded.suite.tasks[file.stem]
        whole = Predicted(task, rows[task.name], log_probs[task.name])
        assert file.read_text(encoding="utf-8") == WRITERS[output](whole, DETAILS, True)


@pytest.mark.parametrize("size", [1, 7, 30, 40])
def test_blocks_hold_the_same_rows_in_their_order(
    checkpoint: Path,
    data: dict[str, str],
    tmp_path: Path,
    blocks_of: Callable[[int], None],
    size: int,
) -> None:
    def records(folder: str) -> list[dict[str, Any]]:
        files = predict_files(checkpoint, data, tmp_path / folder, details=DETAILS)
        assert [file.name for file in files] == ["topic.jsonl", "pair.jsonl"]
        texts = [file.read_text(encoding="utf-8") for file in files]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    wanted = records("whole")
    blocks_of(size)
    found = records("blocks")
    assert len(found) == 41
    for one, other in zip(found, wanted, strict=True):
        assert (one["id"], one["label"], one["text"]) == (
            other["id"],
            other["label"],
            other["text"],
        )
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=2e-6)


def test_all_formats_hold_the_same(
    checkpoint: Path, data: dict[str, str], tmp_path: Path, blocks_of: Callable[[int], None]
) -> None:
    blocks_of(4)
    out = tmp_path / "out"
    for output in ("jsonl", "csv", "tsv", "parquet"):
        predict_files(checkpoint, data, out, output=output, details=DETAILS)  # type: ignore[arg-type]
    predict_files(checkpoint, data, out, output="tianchi")
    lines = (out / "topic.jsonl").read_text(encoding="utf-8").splitlines()
    wanted = [json.loads(line) for line in lines]
    with (out / "topic.csv").open(encoding="utf-8", newline="") as file:
        of_csv = list(csv.DictReader(file))
    text = (out / "topic.tsv").read_text(encoding="utf-8")
    header, *rows = [line.split("\t") for line in text.splitlines()]
    assert [dict(zip(header, row, strict=True)) for row in rows] == of_csv
    assert [row["text"] for row in of_csv] == [record["text"] for record in wanted]
    table = pq.read_table(out / "topic.parquet")
    assert table.column_names == header
    assert [row["p_news"] for row in table.to_pylist()] == [
        record["probabilities"]["news"] for record in wanted
    ]
    with zipfile.ZipFile(out / "submission.zip") as archive:
        assert archive.namelist() == ["topic_predict.json", "pair_predict.json"]
        written = archive.read("topic_predict.json")
        assert written == (out / "topic_predict.json").read_bytes()
        assert all(entry.compress_type == zipfile.ZIP_DEFLATED for entry in archive.infolist())


def test_tabs_and_line_ends_in_a_cell_do_not_break_a_tsv(tmp_path: Path, checkpoint: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('"a\tb","x\ny\r\nz",?\n', encoding="utf-8", newline="")
    predict_files(checkpoint, {"topic": str(file)}, tmp_path, output="tsv", details=DETAILS)
    header, row = (tmp_path / "topic.tsv").read_text(encoding="utf-8").splitlines()
    assert len(header.split("\t")) == len(row.split("\t"))
    assert row.startswith("a b\t")
    assert row.endswith("\tx y z")


@pytest.mark.parametrize("output", ["jsonl", "parquet"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_stop_in_the_middle_leaves_what_was_there(
    checkpoint: Path,
    data: dict[str, str],
    tmp_path: Path,
    blocks_of: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    output: Any,
) -> None:
    blocks_of(4)
    out = tmp_path / "out"
    out.mkdir()
    (out / f"topic.{output}").write_text("old")
    score, calls = LoadedModel.log_probs, []

    def stop(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 9:  # in the second task
            raise error
        return score(*args, **more)

    monkeypatch.setattr(LoadedModel, "log_probs", stop)
    with pytest.raises(error):
        predict_files(checkpoint, data, out, output=output)
    gc.collect()  # nothing is written to a closed file, which would be a warning
    assert {file.name: file.read_text() for file in out.iterdir()} == {f"topic.{output}": "old"}


def test_what_a_killed_run_left_goes(
    checkpoint: Path, data: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("topic.jsonl", "submission.zip"):
        (out / f".{name}.0123abcd.new").write_text("half")
    predict_files(checkpoint, data, out)
    assert sorted(file.name for file in out.iterdir()) == ["pair.jsonl", "topic.jsonl"]


@pytest.mark.parametrize("output", ["jsonl", "parquet"])
def test_a_full_disk_leaves_what_was_there(
    checkpoint: Path,
    data: dict[str, str],
    tmp_path: Path,
    blocks_of: Callable[[int], None],
    output: Any,
) -> None:
    from resource import RLIM_INFINITY, RLIMIT_FSIZE, setrlimit
    from signal import SIG_IGN, SIGXFSZ, signal

    blocks_of(4)
    (tmp_path / "out").mkdir()
    before = signal(SIGXFSZ, SIG_IGN)
    setrlimit(RLIMIT_FSIZE, (1500, RLIM_INFINITY))
    try:
        with pytest.raises(RunError, match="the disk is full"):
            predict_files(checkpoint, data, tmp_path / "out", output=output, details=DETAILS)
        gc.collect()
    finally:
        setrlimit(RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
        signal(SIGXFSZ, before)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_late_bad_row_is_found_before_anything_is_scored(
    checkpoint: Path,
    data: dict[str, str],
    tmp_path: Path,
    blocks_of: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks_of(4)
    file = Path(data["topic"])
    file.write_text(file.read_text(encoding="utf-8") + "a\tb\tc\td\n", encoding="utf-8")
    monkeypatch.delattr(LoadedModel, "log_probs")
    with pytest.raises(PetMtlError, match=r"topic\.tsv:31: row has 4 columns, expected 3"):
        predict_files(checkpoint, data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_changes_meanwhile_is_said(
    checkpoint: Path, data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grow(out: Path) -> None:
        with Path(data["pair"]).open("a", encoding="utf-8") as file:
            file.write("不\t是\n")

    monkeypatch.setattr(prediction_files, "require_folder", grow)
    with pytest.raises(RunError, match="there were 41 rows to predict, and then 42"):
        predict_files(checkpoint, data, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_an_input_is_never_replaced(checkpoint: Path, data: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="would replace this input file"):
        predict_files(checkpoint, data, tmp_path, output="tsv")


def test_nor_one_that_is_read_for_another_task(
    checkpoint: Path, data: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    moved = data | {"topic": str(Path(data["topic"]).rename(out / "pair.tsv"))}
    with pytest.raises(PetMtlError, match=r"pair\.tsv: the predictions would replace this input"):
        predict_files(checkpoint, moved, out, output="tsv")
    words = out / "topic.jsonl"
    words.write_text('{"news": ["新"], "sport": ["体"], "tech art": ["科"]}\n', encoding="utf-8")
    given = {"topic": words}
    with pytest.raises(PetMtlError, match=r"topic\.jsonl: the predictions would replace this"):
        predict_files(checkpoint, moved, out, verbalizers=given)
    assert sorted(file.name for file in out.iterdir()) == ["pair.tsv", "topic.jsonl"]
    assert len(predict_files(checkpoint, moved, out, output="csv", verbalizers=given)) == 2
