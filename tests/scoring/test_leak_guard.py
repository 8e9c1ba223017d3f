"""Rows to score that were trained on."""

from pathlib import Path

import numpy as np
import pytest
import toy_suite
import toys

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.leak_guard import guard_rows
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.storage.checkpoint import write_checkpoint
from pet_mtl.storage.trained_on import TRAINED_ON, write_trained_on
from pet_mtl.suite.suite import load_suite

TRAINED = Rows.of({"title": ["新车上市", "利率上调", *map(str, range(50))]}, path="train.tsv")
FRESH = Rows.of({"title": ["新车下市", "天气"]}, path="new.tsv")
SEEN = Rows.of({"title": ["天气", "新车 上市", "利率上调"]}, path="old.tsv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_trained_on(tmp_path, {"news": row_keys(TRAINED), "other": np.empty(0, np.uint64)})
    return tmp_path


@pytest.mark.parametrize("strict", [False, True])
def test_fresh_rows_pass_in_silence(
    folder: Path, strict: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    guard_rows(folder, {"news": FRESH, "other": SEEN, "unknown": SEEN}, strict=strict)
    assert capsys.readouterr() == ("", "")


def test_a_warning_has_the_count_and_an_example(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guard_rows(folder, {"news": SEEN}, strict=False)
    assert capsys.readouterr().err == (
        "warning: news: 2 of 3 rows to score were trained on, scores flatter the model "
        '(old.tsv: row 2 "新车 上市", …)\n'
        f"  hint: {folder / TRAINED_ON} has their hashes; if `dev: {{split: …}}` chose them, "
        "keep the `train.seed` of the earlier training; or give other rows\n"
    )


def test_strict_says_which_rows(folder: Path) -> None:
    with pytest.raises(PetMtlError) as caught:
        guard_rows(folder, {"news": SEEN}, strict=True)
    first, *rows = caught.value.problems
    assert first.message == "news: 2 of 3 rows to score were trained on"
    assert [problem.where for problem in rows] == ["old.tsv: row 2", "old.tsv: row 3"]
    with pytest.raises(PetMtlError, match="and 32 more rows of `news`"):
        guard_rows(folder, {"news": TRAINED}, strict=True)


def test_older_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guard_rows(tmp_path, {"news": SEEN}, strict=False)
    assert capsys.readouterr().err == ""
    guard_rows(tmp_path, {"news": SEEN}, strict=True)
    assert "does not say what it was trained on" in capsys.readouterr().err


def test_columns_in_another_order_hide_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkpoint says in which order its task has the fields; a mirrored pair is another row."""
    toy_suite.write_suite(tmp_path, tmp_path / "backbone")
    toys.write_bert(tmp_path / "backbone", list("一二三"))
    suite = load_suite(tmp_path / "toy.yaml")
    first, second = suite.tasks["pair"].fields
    trained = Rows.of({first: ["甲", "丙"], second: ["乙", "丁"]})
    loaded = LoadedModel(suite.model, suite)
    folder, keys = tmp_path / "checkpoint", {"pair": row_keys(trained)}
    write_checkpoint(folder, loaded.mlm, loaded.tokenizer, suite, {}, trained_on=keys)
    capsys.readouterr()
    mirrored = Rows.of({first: ["乙"], second: ["甲"]})
    guard_rows(folder, {"pair": mirrored}, strict=True)
    assert capsys.readouterr().err == ""
    turned = Rows.of({second: ["乙", "乙"], first: ["甲", "丙"]})
    guard_rows(folder, {"pair": turned}, strict=False)
    assert "pair: 1 of 2 rows to score were trained on" in capsys.readouterr().err
    (folder / "config.json").write_text("{}")  # no whole checkpoint: rows are compared as they are
    guard_rows(folder, {"pair": trained}, strict=False)
    assert "pair: 2 of 2 rows to score were trained on" in capsys.readouterr().err
