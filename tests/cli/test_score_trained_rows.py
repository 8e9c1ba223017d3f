"""`pet-mtl score` on rows that the checkpoint was trained on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.storage.trained_on import TRAINED_ON

Call = Callable[..., Any]


def test_dev_rows_pass(call: Call, checkpoint: Path) -> None:
    ran = call("score", checkpoint, "--strict", "--json")
    assert (ran.code, "trained on" in ran.err) == (0, False), ran.err


def test_training_rows_are_scored_with_a_warning(
    call: Call, checkpoint: Path, trained: Path
) -> None:
    data = f"topic={trained.parent}/suite/topic.train.tsv"
    ran = call("score", checkpoint, "--data", data, "--json")
    assert ran.code == 0
    assert "warning: topic: 30 of 30 rows to score were trained on" in ran.err


def test_strict_refuses_them(checkpoint: Path, trained: Path, refuse: Callable[..., str]) -> None:
    file = trained.parent / "suite" / "topic.train.tsv"
    words = refuse("score", checkpoint, "--data", f"topic={file}", "--strict")
    assert f"error: {file}:1: the model was trained on this text" in words
    assert "and 10 more rows of `topic`" in words


def test_the_hashes_are_under_the_checksum(
    call: Call, checkpoint: Path, refuse: Callable[..., str]
) -> None:
    assert TRAINED_ON in json.loads((checkpoint / "pet_mtl.json").read_text())["sha256"]
    (checkpoint / TRAINED_ON).write_bytes(b"other")
    assert "damaged" in refuse("score", checkpoint)


def test_a_checkpoint_without_them_loads(call: Call, checkpoint: Path) -> None:
    manifest = json.loads((checkpoint / "pet_mtl.json").read_text())
    del manifest["sha256"][TRAINED_ON]
    (checkpoint / "pet_mtl.json").write_text(json.dumps(manifest))
    (checkpoint / TRAINED_ON).unlink()
    assert ("does not say what it was trained on") not in call("score", checkpoint, "--json").err
    ran = call("score", checkpoint, "--json", "--strict")
    assert ran.code == 0
    assert "does not say what it was trained on" in ran.err


@pytest.mark.slow
def test_rows_held_out_by_split_are_never_flagged(call: Call, suite: Path, tmp_path: Path) -> None:
    file = tmp_path / "suite" / "topic.train.tsv"
    file.write_text(
        file.read_text("utf-8") * 2, "utf-8"
    )  # every text twice, on one side of the split
    overrides = (
        "-s",
        "tasks.topic.data.dev={split: 0.3}",
        "-s",
        "tasks.pair.data.dev={split: 0.3}",
    )
    assert call("train", "--patterns", suite, *overrides, "--out", tmp_path / "run").code == 0
    ran = call("score", tmp_path / "run" / "checkpoint", "--strict", "--json")
    assert (ran.code, "trained on" in ran.err) == (0, False), ran.err
