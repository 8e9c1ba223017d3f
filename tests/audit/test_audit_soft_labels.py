"""`data check` and `data clean` of tasks with soft labels."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pet_mtl.audit.check import check_suite
from pet_mtl.audit.clean import clean_suite
from pet_mtl.data.suite_data import load_task
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
        ("note", "their likeliest label is another than the row's in 1 of 2 rows (50.0 %)"),
        ("note", "they speak of 1 of 2 rows (50.0 %) of unlabelled"),
    ]
    (finding,) = [one for one in check_suite(suite, {}, None).findings if "likeliest" in str(one)]
    assert finding.where == (f"{tmp_path}/t.tsv:2",)


def test_of_no_training_row_there_is_nothing_to_contradict(make_suite: MakeSuite) -> None:
    files = {"t.tsv": ROWS, "u.tsv": "别的话\n", "s.jsonl": lines(SAID[2:])}
    assert found(make_suite(files, DATA)) == [
        ("note", "they speak of 0 of 40 rows of train"),
        ("note", "they speak of 1 of 1 rows (100.0 %) of unlabelled"),
    ]


def test_they_cannot_be_used(make_suite: MakeSuite, tmp_path: Path) -> None:
    files = {"t.tsv": ROWS, "u.tsv": "还有\n", "s.jsonl": '{"text": "a", "label": "c"}\n'}
    suite = make_suite(files, DATA)
    ((level, message),) = found(suite)
    assert (level, message) == ("error", f'"c" is no label of {tmp_path}/suite.yaml')
    (tmp_path / "s.jsonl").write_text(lines([{"text": "没有", "label": "a"}]), encoding="utf-8")
    assert found(suite) == [("error", "no row has one of their texts")]


def test_rows_that_are_held_out_do_not_count(make_suite: MakeSuite, tmp_path: Path) -> None:
    data = {"one": "{train: t.tsv, dev: {split: 0.2}, soft_labels: s.jsonl}"}
    suite = make_suite({"t.tsv": ROWS, "s.jsonl": lines(SAID)}, data)
    dev = load_task(suite.tasks["one"], suite.base, suite.train.seed).dev
    assert dev is not None
    said = [{"text": text, "label": "a"} for text in dev.fields["text"].to_pylist()]
    (tmp_path / "s.jsonl").write_text(lines(said), encoding="utf-8")
    assert found(suite) == [("error", "no row has one of their texts")]


@pytest.mark.parametrize("form", ["sub/s.jsonl.gz", "s.json"])
def test_their_texts_are_mended_as_the_rows_are(
    make_suite: MakeSuite, tmp_path: Path, form: str
) -> None:
    said = [
        {"text": "第0条天气&nbsp;<br>新闻", "label": "a"},
        {
            "text": {"text": "第1条天气&nbsp;<br>新闻"},
            "probabilities": {"a": 0.6, "b": 0.4},
            "x": 1,
        },
    ]
    content = json.dumps(said) if form == "s.json" else gzip.compress(lines(said).encode())
    files = {"t.tsv": ROWS.replace("天气", "天气&nbsp;<br>"), form: content}
    suite = make_suite(files, {"one": f"{{train: t.tsv, soft_labels: [{form}]}}"})
    result = clean_suite(suite, tmp_path / "out", "majority")
    after = load_task(suite.tasks["one"], tmp_path / "out", 42)
    assert after.train.text(0)["text"].split() == ["第0条天气", "新闻"]
    assert after.soft_labels is not None
    assert after.soft_labels.speaks_of(after.train).sum() == 2
    assert result.soft_labels == (str(tmp_path / form),)
    assert [line for line in result.lines() if line.startswith("soft labels")]


def test_unlabelled_rows_that_are_soft_labels_lose_none(
    make_suite: MakeSuite, tmp_path: Path
) -> None:
    said = [{"text": "别的&nbsp;话", "label": "a"}, {"text": "别的&nbsp;话", "label": "b"}]
    files = {"t.tsv": "text\tlabel\n" + ROWS, "s.jsonl": lines(said)}
    data = {"one": "{train: t.tsv, unlabelled: s.jsonl, soft_labels: s.jsonl}"}
    suite = make_suite(files, data, columns=("text", "label"))
    clean_suite(suite, tmp_path / "out", "majority")
    after = load_task(suite.tasks["one"], tmp_path / "out", 42)
    assert after.unlabelled is not None
    assert after.soft_labels is not None
    assert after.soft_labels.of(after.unlabelled)[0].tolist() == [0.5, 0.5]
