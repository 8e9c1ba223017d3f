"""Predictions in shards: the same as at once, gone on with after a stop, refused for other rows."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pet_mtl.bulk import run as bulk_run
from pet_mtl.bulk.run import predict_shards
from pet_mtl.bulk.shards import ShardFormat, ShardRequest, claim_folder
from pet_mtl.data.streams import stream_rows
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.scoring.prediction_files import predict_files
from pet_mtl.scoring.records import Details
from pet_mtl.storage.lock import held

DETAILS = Details(top=2, probabilities=True, text=True)


def request_of(
    checkpoint: Path, rows: Path, out: Path, size: int = 10, output: ShardFormat = "jsonl"
) -> ShardRequest:
    return ShardRequest(checkpoint, "topic", str(rows), out, size, output, DETAILS)


def records(folder: Path) -> list[dict[str, Any]]:
    texts = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("part-*.jsonl"))]
    return [json.loads(line) for text in texts for line in text.splitlines()]


@pytest.mark.parametrize("size", [1, 10, 25, 100])
def test_shards_are_what_predict_gives_at_once(
    checkpoint: Path, rows: Path, tmp_path: Path, size: int
) -> None:
    done = predict_shards(request_of(checkpoint, rows, tmp_path / "out", size))
    assert (done.rows, done.shards, done.made) == (25, -(-25 // size), -(-25 // size))
    (file,) = predict_files(checkpoint, {"topic": str(rows)}, tmp_path / "whole", details=DETAILS)
    wanted = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    found = records(tmp_path / "out")
    assert [one["id"] for one in found] == [f"id-{n}" for n in range(25)]
    for one, other in zip(found, wanted, strict=True):
        assert one["label"] == other["label"]
        assert one["text"] == other["text"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=2e-6)
    manifest = json.loads((tmp_path / "out" / "_shards.json").read_text())
    assert (manifest["shards"], manifest["rows_in_all"]) == (done.shards, 25)


def test_formats_hold_the_same(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    for output in ("jsonl", "csv", "parquet"):
        predict_shards(request_of(checkpoint, rows, tmp_path / output, 10, output))  # type: ignore[arg-type]
    wanted = records(tmp_path / "jsonl")
    table = pq.read_table(tmp_path / "parquet").to_pylist()
    assert [row["id"] for row in table] == [row["id"] for row in wanted]
    assert [row["p_news"] for row in table] == [row["probabilities"]["news"] for row in wanted]
    lines = (tmp_path / "csv" / "part-00001.csv").read_text().splitlines()
    assert len(lines) == 11
    assert lines[0].split(",") == list(table[0])


def test_a_stopped_run_goes_on(
    checkpoint: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, write = tmp_path / "out", bulk_run.write_shard
    request = request_of(checkpoint, rows, out)

    def stop(*args: Any) -> Any:
        if args[2] == 1:
            raise KeyboardInterrupt
        return write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(bulk_run, "write_shard", stop)
        with pytest.raises(KeyboardInterrupt):
            predict_shards(request)
    assert [file.name for file in out.glob("part-*")] == ["part-00000.jsonl"]
    before = (out / "part-00000.jsonl").stat().st_mtime_ns
    (out / "._shards.json.0123abcd.new").write_text("half")  # by a killed run
    done = predict_shards(request)
    assert (done.made, done.shards) == (2, 3)
    assert (out / "part-00000.jsonl").stat().st_mtime_ns == before
    assert len(records(out)) == 25
    assert predict_shards(request).made == 0
    assert {file.name for file in out.iterdir()} == {
        "_shards.json",
        *(f"part-{n:05d}.jsonl" for n in range(3)),
    }


def test_shards_in_other_hands_are_left(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    request = request_of(checkpoint, rows, tmp_path / "out")
    with held(tmp_path / "out" / ".part-00001.jsonl.lock"):
        done = predict_shards(request)
    assert (done.made, done.busy) == (2, 1)
    assert "shards" not in json.loads((tmp_path / "out" / "_shards.json").read_text())
    assert predict_shards(request).made == 1


def test_the_last_of_several_processes_notes_how_many_there_are(
    checkpoint: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each had a shard in hand when the other came by."""
    request, write = request_of(checkpoint, rows, tmp_path / "out"), bulk_run.write_shard
    file = tmp_path / "out" / ".part-00001.jsonl.lock"

    def meanwhile(*args: Any) -> Any:
        if args[2] == 2:
            request.file(1).write_text("")
        return write(*args)

    monkeypatch.setattr(bulk_run, "write_shard", meanwhile)
    with held(file):
        done = predict_shards(request)
    assert (done.made, done.busy) == (2, 1)
    assert json.loads((tmp_path / "out" / "_shards.json").read_text())["shards"] == 3


def test_other_rows_models_and_settings_are_refused(
    checkpoint: Path, rows: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict_shards(request_of(checkpoint, rows, out))
    with pytest.raises(PetMtlError, match="`shard_rows` changed"):
        predict_shards(request_of(checkpoint, rows, out, 5))
    rows.write_text(rows.read_text() + "id-25\t新\t?\n")
    with pytest.raises(PetMtlError, match="`source` changed"):
        predict_shards(request_of(checkpoint, rows, out))
    (out / "_shards.json").write_text('{"version": 1, "task": "topic"}')
    with pytest.raises(PetMtlError, match="begun by another version of pet-mtl"):
        predict_shards(request_of(checkpoint, rows, out))
    (out / "_shards.json").write_text("[]")
    with pytest.raises(PetMtlError, match=r"_shards\.json: damaged"):
        predict_shards(request_of(checkpoint, rows, out))
    (out / "_shards.json").unlink()
    with pytest.raises(PetMtlError, match="holds predictions without"):
        predict_shards(request_of(checkpoint, rows, out))


@pytest.mark.parametrize("rows_before", [0, 200_000])
def test_another_file_of_the_same_size_and_time_is_refused(
    checkpoint: Path, rows: Path, tmp_path: Path, rows_before: int
) -> None:
    request = request_of(checkpoint, rows, tmp_path / "out")
    (tmp_path / "out").mkdir()
    rows.write_text("id\t一条长长的新闻\t?\n" * rows_before + "id-1\t新\t?\n")
    claim_folder(request)
    claim_folder(request)
    before = rows.stat()
    rows.write_text(rows.read_text().replace("id-1", "id-2"))
    os.utime(rows, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert rows.stat().st_size == before.st_size
    with pytest.raises(PetMtlError, match="`source` changed"):
        claim_folder(request)


def test_rows_that_change_while_they_are_read_are_told(
    checkpoint: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, write = tmp_path / "out", bulk_run.write_shard
    request = request_of(checkpoint, rows, out)

    def replace_rows(*args: Any) -> Any:
        if args[2] == 1:
            rows.with_name("new.tsv").write_text(rows.read_text().replace("新", "旧旧"))
            rows.with_name("new.tsv").replace(rows)
        return write(*args)

    monkeypatch.setattr(bulk_run, "write_shard", replace_rows)
    with pytest.raises(RunError, match=r"out: `source` changed while it was read.*\n  hint: "):
        predict_shards(request)
    manifest = json.loads((out / "_shards.json").read_text())
    assert "rows_in_all" not in manifest
    assert manifest["source"][0]["bytes"] != rows.stat().st_size
    with pytest.raises(PetMtlError, match="`source` changed"):
        predict_shards(request)


def test_a_file_in_the_place_of_the_folder(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    for out in (tmp_path / "out", tmp_path / "out" / "x"):
        with pytest.raises(PetMtlError, match="this is a file, not a folder\n  hint: choose"):
            predict_shards(request_of(checkpoint, rows, out))


def test_a_bad_row_keeps_the_shards_before_it(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    rows.write_text(rows.read_text() + "id-25\t新\t?\ttoo\tmany\n")
    with pytest.raises(PetMtlError, match=r"rows\.tsv:26"):
        predict_shards(request_of(checkpoint, rows, tmp_path / "out"))


def test_parts_of_a_stream_are_the_rows(
    checkpoint: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of any size, several files: the same rows, ids and places."""
    monkeypatch.setattr("pet_mtl.data.delimited.CHUNK_BYTES", 64)
    task = LoadedCheckpoint(checkpoint).suite.tasks["topic"]
    more = rows.with_name("rows-2.tsv")
    more.write_text(rows.read_text().replace("id-", "more-"))
    parts = list(stream_rows(str(tmp_path / "rows*.tsv"), task, base=Path(), size=7))
    assert [len(part) for part in parts] == [7] * 7 + [1]
    ids = [one for part in parts for one in part.ids.to_pylist()]
    assert sorted(ids) == sorted(f"{kind}-{n}" for kind in ("id", "more") for n in range(25))
    assert all(part.where(0).startswith(str(tmp_path / "rows")) for part in parts)
    with pytest.raises(PetMtlError, match=r"nothing|no such|not"):
        list(stream_rows(str(tmp_path / "none.tsv"), task, base=Path(), size=7))


@pytest.mark.slow
def test_ray_gives_the_same(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    import subprocess
    import sys

    predict_shards(request_of(checkpoint, rows, tmp_path / "local"))
    out = tmp_path / "ray"
    command = [sys.executable, "-m", "pet_mtl", "predict", str(checkpoint)]
    command += ["--data", f"topic={rows}", "--out", str(out), "--shard-rows", "10"]
    command += ["--top-k", "2", "--probabilities", "--echo", "--engine", "ray"]
    for left in (3, 1):
        done = subprocess.run(command, capture_output=True, text=True, timeout=150)
        assert done.returncode == 0, done.stderr
        assert f"{left} of them made now" in done.stderr
        assert records(out) == records(tmp_path / "local")
        assert not (out / ".rows").exists()
        (out / "part-00001.jsonl").unlink()
