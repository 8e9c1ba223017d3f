"""`data check` and `data clean` of tasks with soft labels."""

import json
from collections.abc import Callable
from pathlib import Path

from pet_mtl.audit.check import check_suite
from pet_mtl.audit.clean import clean_suite
from pet_mtl.suite.suite import Suite

MakeSuite = Callable[..., Suite]
ROWS = "".join(f"第{number}条天气新闻\t{'ab'[number % 2]}\n" for number in range(40))
SAID = [
    {"text": "第0条天气新闻", "label": "a"},
    {"text": "第 1 条天气新闻", "probabilities": {"a": 0.6, "b": 0.4}},
    {"text": "别的话", "label": "b"},
]
DATA = {"one": "{train: t.tsv, unlabelled: u.tsv, soft_labels: s.jsonl}"}


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def found(suite: Suite) -> list[tuple]:
    findings = check_suite(suite, {}, None).findings
    return [(one.level, one.message) for one in findings if one.check == "soft_labels"]


def test_what_they_speak_of_and_contradict(make_suite: MakeSuite, tmp_path: Path) -> None:
    suite = make_suite({"t.tsv": ROWS, "u.tsv": "别的话\n还有\n", "s.jsonl": lines(SAID)}, DATA)
    assert found(suite) == [
        ("note", "they speak of 2 of 40 rows (5.0 %) of train"),
        ("note", "their likeliest label is another than the row's in 1 of 40 rows (2.5 %)"),
        ("note", "they speak of 1 of 2 rows (50.0 %) of unlabelled"),
    ]
    (finding,) = [one for one in check_suite(suite, {}, None).findings if "likeliest" in str(one)]
    assert finding.where == (f"{tmp_path}/t.tsv:2",)


def test_they_cannot_be_used(make_suite: MakeSuite, tmp_path: Path) -> None:
    files = {"t.tsv": ROWS, "u.tsv": "还有\n", "s.jsonl": '{"text": "a", "label": "c"}\n'}
    suite = make_suite(files, DATA)
    ((level, message),) = found(suite)
    assert (level, message) == ("error", f'"c" is no label of {tmp_path}/suite.yaml')
    (tmp_path / "s.jsonl").write_text(lines([{"text": "没有", "label": "a"}]), encoding="utf-8")
    assert found(suite) == [("error", "no row has one of their texts")]


def test_they_are_copied_as_they_are(make_suite: MakeSuite, tmp_path: Path) -> None:
    said = lines(SAID)
    suite = make_suite({"t.tsv": ROWS, "u.tsv": "还有\n", "sub/s.jsonl": said}, {
        "one": "{train: t.tsv, unlabelled: u.tsv, soft_labels: sub/s.jsonl}",
        "two": "{train: t.tsv, soft_labels: [sub/s.jsonl]}",
    })  # fmt: skip
    result = clean_suite(suite, tmp_path / "out", "majority")
    assert (tmp_path / "out" / "sub" / "s.jsonl").read_text(encoding="utf-8") == said
    assert result.copied == (str(tmp_path / "sub" / "s.jsonl"),)
    assert f"copied as it is: {tmp_path / 'sub' / 's.jsonl'}" in result.lines()
    assert len(result.files) == 2
