from collections.abc import Callable
from pathlib import Path

import pytest
import toy_suite
from one_thread import one_thread  # noqa: F401

from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.storage.checkpoint import write_checkpoint
from pet_mtl.suite.suite import load_suite

Write = Callable[[int], Path]


@pytest.fixture
def checkpoint(tmp_path: Path, backbone: Path) -> Path:
    toy_suite.write_suite(tmp_path / "suite", backbone)
    suite = load_suite(tmp_path / "suite" / "toy.yaml")
    loaded = LoadedModel(suite.model, suite)
    write_checkpoint(tmp_path / "checkpoint", loaded.mlm, loaded.tokenizer, suite, {})
    return tmp_path / "checkpoint"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file of 25 rows."""
    cells = [[f"id-{n}", "新闻体育"[n % 4] * (n % 7 + 1), "?"] for n in range(25)]
    return toy_suite.write_rows(tmp_path / "rows.tsv", cells)
