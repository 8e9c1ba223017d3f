"""All checks together."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_kinds import write_kinds

from pet_mtl.audit.check import check_suite
from pet_mtl.audit.table import check_tables, verdict_lines
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.delimited import HEADER_HINT
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.corpus import find_corpus
from pet_mtl.report.table import print_table
from pet_mtl.suite.suite import Suite, load_suite

MakeSuite = Callable[..., Suite]
ROWS = "".join(f"第{number}条天气新闻\t{'ab'[number % 2]}\n" for number in range(40))


def test_good_data(make_suite: MakeSuite, word_pieces: PieceTokenizer) -> None:
    suite = make_suite({"t.tsv": ROWS}, {"one": "{train: t.tsv, dev: {split: 0.2}}"})
    result = check_suite(suite, {}, word_pieces)
    assert (result.verdict, result.findings) == ("good", [])
    assert verdict_lines(result) == ["verdict: fit to train on, nothing to warn of"]
    assert result.parts["one"]["train"]["rows"] == 40


def test_everything_that_is_wrong(
    make_suite: MakeSuite, word_pieces: PieceTokenizer, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "t.tsv": ROWS + "断开\n的行\ta\n天\x00气\ta\n相反\ta\n相反\tb\n未知\tc\n",
        "d.tsv": "第 1 条天气新闻\tb\n新的\ta\n",
        "u.tsv": "新的\n没有\n",
        "c.txt": "据说第3条天气新闻已经发出\n\n别的话",
    }
    suite = make_suite(
        files, {"one": ("{train: t.tsv, dev: d.tsv, unlabelled: u.tsv}"), "two": "{train: t.tsv}"}
    )
    result = check_suite(suite, {"c.txt": find_corpus([f"{suite.base}/c.txt"])}, word_pieces)
    assert result.verdict == "error"
    levels = [finding.level for finding in result.findings]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    found = {(finding.level, finding.check, finding.about) for finding in result.findings}
    assert found >= {
        ("error", "broken_lines", "one/train"),
        ("error", "overlap", "one/dev"),
        ("warning", "overlap", "one/dev"),  # an unlabelled row is a dev row
        ("warning", "repeats", "one/train"),
        ("warning", "characters", "one/train"),
        ("note", "overlap", "two/train"),
    }
    assert (
        result.parts["one"]["train"]["bad_rows"] == 2
    )  # `断开`, and the unknown label; `的行` is a row by itself
    assert set(json.loads(json.dumps(result.to_json()))) == {
        "verdict",
        "findings",
        "tasks",
        "overlap",
        "vocabulary",
    }
    for table in check_tables(result):
        print_table(table)
    printed = capsys.readouterr().out
    assert "one/train" in printed
    assert "frequent words shared" in printed
    lines = verdict_lines(result)
    assert lines[-1].startswith("verdict: do not train on this as it is: ")
    assert any(
        line.startswith("error: one/dev: 1 of 2 rows (50.0 %) stand in one/train too (d.tsv:1)")
        for line in lines
    )


def test_shares_of_sets_are_of_the_rows(tmp_path: Path, backbone: Path) -> None:
    suite = load_suite(write_kinds(tmp_path, backbone), only=["marks"])
    sets = [("r", "b")] * 30 + [("r",)] * 8 + [("g",)] * 2
    rows = [{"text": f"第{row}句", "marks": own} for row, own in enumerate(sets)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "marks.train.jsonl").write_text(lines, encoding="utf-8")
    result = check_suite(suite, {}, None)
    (table,) = (
        t for t in check_tables(result) if str(t.columns[0].header).startswith("marks/train")
    )
    assert [str(cell) for cell in table.columns[2].cells] == ["95.0 %", "75.0 %", "5.0 %"]
    assert "rare labels: g 5.0 % (2)" in "\n".join(verdict_lines(result))


def test_a_header_that_stands_among_the_rows_is_told_as_train_tells_it(
    make_suite: MakeSuite,
) -> None:
    suite = make_suite({"t.tsv": "内容\t标签\n" + ROWS}, {"one": "{train: t.tsv}"})
    hints = [finding.hint for finding in check_suite(suite, {}, None).findings]
    assert hints == [f"{HEADER_HINT}; `pet-mtl train --skip-bad-rows N` leaves bad rows out"]


def test_missing_files_come_all_at_once(make_suite: MakeSuite) -> None:
    suite = make_suite({}, {"one": "{train: x.tsv}", "two": "{train: y.tsv}"})
    with pytest.raises(PetMtlError) as caught:
        check_suite(suite, {}, None)
    assert len(caught.value.problems) == 2
