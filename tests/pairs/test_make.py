"""A file of pairs out of a corpus, by Python and by the command."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.errors import MachineError, PetMtlError
from pet_mtl.pairs import make
from pet_mtl.pairs.make import LABELS, write_pairs
from pet_mtl.pretraining.corpus import FileCorpus, find_corpus
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.suite import load_suite


def test_pairs_have_each_label_alike_and_depend_on_the_seed_alone(
    corpus: FileCorpus, tmp_path: Path
) -> None:
    first = write_pairs(corpus, tmp_path / "a.jsonl", 6, seed=1)
    write_pairs(corpus, tmp_path / "b.jsonl", 6, seed=1)
    write_pairs(corpus, tmp_path / "c.jsonl", 6, seed=2)
    assert set(first.rows.values()) == {2}
    texts = [(tmp_path / name).read_bytes() for name in ("a.jsonl", "b.jsonl", "c.jsonl")]
    assert texts[0] == texts[1] != texts[2]
    rows = [json.loads(line) for line in texts[0].decode().splitlines()]
    assert all(set(row) == {"premise", "hypothesis", "label"} for row in rows)
    assert all(row["premise"] != row["hypothesis"] for row in rows)


def test_fewer_pairs_than_wanted_are_said(
    corpus: FileCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = write_pairs(corpus, tmp_path / "a.jsonl", 1000, seed=1)
    assert 3 <= sum(result.rows.values()) < 1000
    assert "not 1,000" in capsys.readouterr().err


def test_text_without_pairs_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Not Chinese. Not at all.\n", encoding="utf-8")
    with pytest.raises(PetMtlError, match="gives no pair"):
        write_pairs(find_corpus([str(tmp_path / "text.txt")]), tmp_path / "a.jsonl", 6, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_a_full_disk_leaves_no_file(
    corpus: FileCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(pair: object) -> dict[str, str]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(make, "asdict", full)
    with pytest.raises(MachineError, match="disk is full"):
        write_pairs(corpus, tmp_path / "a.jsonl", 6, seed=1)
    assert not list(tmp_path.glob("*a.jsonl*"))


def test_a_file_that_is_there_stays(corpus: FileCorpus, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("mine")
    with pytest.raises(PetMtlError, match="file already"):
        write_pairs(corpus, tmp_path / "a.jsonl", 6, seed=1)
    assert (tmp_path / "a.jsonl").read_text() == "mine"


def test_what_a_killed_writer_left_goes(corpus: FileCorpus, tmp_path: Path) -> None:
    (tmp_path / ".a.jsonl.0123abcd.new").write_text("half")
    write_pairs(corpus, tmp_path / "a.jsonl", 6, seed=1)
    assert [file.name for file in tmp_path.glob("*a.jsonl*")] == ["a.jsonl"]


def test_a_file_that_comes_meanwhile_stays(
    corpus: FileCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, out = make.draw_places, tmp_path / "a.jsonl"

    def slowly(*given: Any) -> Any:
        out.write_text("another command's", encoding="utf-8")
        return draw(*given)

    monkeypatch.setattr(make, "draw_places", slowly)
    with pytest.raises(PetMtlError, match="file already"):
        write_pairs(corpus, out, 6, seed=1)
    assert out.read_text(encoding="utf-8") == "another command's"
    assert not list(tmp_path.glob(".a.jsonl*"))


def test_a_place_that_cannot_be_written_is_told_before_the_text_is_read(
    corpus: FileCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "draw_places", None)
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(PetMtlError, match="cannot write here"):
        write_pairs(corpus, tmp_path / "file" / "a.jsonl", 6, seed=1)


def test_the_bundled_patterns_read_the_pairs(corpus: FileCorpus, tmp_path: Path) -> None:
    from pet_mtl.data.suite_data import load_suite_data

    write_pairs(corpus, tmp_path / "pairs.jsonl", 9, seed=1)
    suite = load_suite(bundled_pattern_file("pairs"), data_root=tmp_path)
    assert suite.tasks["pairs"].verbalizer.labels == LABELS
    data = load_suite_data(suite)["pairs"]
    assert len(data.train) + len(data.dev or ()) == 9
