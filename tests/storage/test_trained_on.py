"""Hashes of the training texts beside a checkpoint's weights."""

import time
from pathlib import Path

import numpy as np
import pytest

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.trained_on import (
    TRAINED_ON,
    read_trained_on,
    rows_seen,
    with_earlier,
    write_trained_on,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    keys = {"a": row_keys(Rows.of({"text": ["丙", "甲", "甲", "乙"]})), "b": np.empty(0, np.uint64)}
    write_trained_on(tmp_path, keys)
    stored = read_trained_on(tmp_path)
    assert stored is not None
    assert stored["a"].dtype == np.uint64
    assert stored["a"].tolist() == sorted(set(keys["a"].tolist()))
    assert stored["b"].tolist() == []


def test_absent_and_damaged(tmp_path: Path) -> None:
    assert read_trained_on(tmp_path) is None
    (tmp_path / TRAINED_ON).write_bytes(b"nothing of the kind")
    with pytest.raises(PetMtlError, match="cannot be read"):
        read_trained_on(tmp_path)


def test_rows_seen_against_the_obvious_way() -> None:
    draw = np.random.default_rng(3)
    trained, scored = ([str(number) for number in draw.integers(0, 400, 300)] for _ in range(2))
    keys = np.unique(row_keys(Rows.of({"text": trained})))
    expected = [row for row, text in enumerate(scored) if text in trained]
    assert rows_seen(Rows.of({"text": scored}), keys).tolist() == expected
    assert rows_seen(Rows.of({"text": scored}), keys[:0]).tolist() == []


def test_a_million_rows_take_little(tmp_path: Path) -> None:
    keys = np.random.default_rng(1).integers(0, 2**63, 1_000_000).astype(np.uint64)
    start = time.process_time()
    write_trained_on(tmp_path, {"a": keys})
    assert read_trained_on(tmp_path) is not None
    assert time.process_time() - start < 5  # a fraction of a second on a quiet machine
    assert (tmp_path / TRAINED_ON).stat().st_size < 8.1e6


def test_keys_of_an_earlier_training_come_along(tmp_path: Path) -> None:
    new = {"a": np.array([5, 1, 5], np.uint64), "new": np.array([7], np.uint64)}
    assert {name: keys.tolist() for name, keys in with_earlier(tmp_path, new).items()} == {
        "a": [1, 5],
        "new": [7],
    }
    write_trained_on(tmp_path, {"a": np.array([2, 1], np.uint64), "old": np.array([9], np.uint64)})
    found = with_earlier(tmp_path, new)
    assert {name: keys.tolist() for name, keys in found.items()} == {
        "a": [1, 2, 5],
        "old": [9],
        "new": [7],
    }
    assert {keys.dtype for keys in found.values()} == {np.dtype(np.uint64)}
