"""Odd but rightful rows: very long, empty, full of special tokens, emoji and control characters."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pet_mtl

Call = Callable[..., Any]
ODD = {
    "long": "新闻" * 50_000,
    "special tokens": "[MASK][SEP] [CLS]" * 30 + "[PAD] <mask>",
    "emoji": "👩‍👩‍👧‍👦🇨🇳" * 20,
    "control characters": "\x00\x01\x7f\u200b\u202e\ufeff",
    "braces": "{mask} {title} {{}} %s \\n",
    "markup": "<script>alert(1)</script>[bold]x[/bold]",
    "empty": "",
    "white space": " 　 ",
}


def test_in_training_and_scoring(call: Call, suite: Path) -> None:
    for part in ("train", "dev"):
        with (suite.parent / f"topic.{part}.tsv").open("a", encoding="utf-8") as file:
            file.writelines(f"{part}\t{text}{part[0]}\tsport\n" for text in ODD.values() if text)
            file.write(f"{part}\t\tnews\n")
    ran = call("train", "--patterns", suite, "--out", "run", "--json")
    assert ran.code == 0, ran.err
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert page.count("<script") == 1  # the page's own
    score = call("score", "run/checkpoint", "--json", "--labels")
    assert score.code == 0, score.err
    tasks = score.json["checkpoints"][0]["tasks"]
    assert tasks["topic"]["examples"] == 12 + len(ODD)
    for name in ("topic", "pair"):
        assert tasks[name]["macro_f1"] == pytest.approx(ran.json["tasks"][name]["macro_f1"])


def test_in_prediction(call: Call, checkpoint: Path) -> None:
    Path("rows.tsv").write_text(
        "".join(f"{name}\t{text}\n" for name, text in ODD.items()), encoding="utf-8"
    )
    ran = call("predict", checkpoint, "--data", "topic=rows.tsv", "--out", "out")
    assert ran.code == 0, ran.err
    rows = [
        json.loads(line)
        for line in Path("out/topic.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["id"] for row in rows] == list(ODD)
    predictions = pet_mtl.load(checkpoint).predict(list(ODD.values()))
    assert [p.label for p in predictions] == [row["label"] for row in rows]


def test_a_label_that_never_occurs(call: Call, suite: Path) -> None:
    with (suite.parent / "topic.txt").open("a", encoding="utf-8") as file:
        file.write("rest 不\n")
    ran = call("train", "--patterns", suite, "--json")
    assert ran.code == 0, ran.err
    assert 'warning: topic: no training row has the label "rest" of' in ran.err
    assert "topic.txt" in ran.err
    assert ran.json["tasks"]["topic"]["per_label"]["rest"]["support"] == 0


def test_bad_rows_are_skipped_as_far_as_allowed(call: Call, suite: Path) -> None:
    with (suite.parent / "topic.train.tsv").open("a", encoding="utf-8") as file:
        file.writelines(["bad\n"] * 4)
    ran = call("train", "--patterns", suite, "--skip-bad-rows", "4", "--out", "run")
    assert ran.code == 0, ran.err
    assert "warning: topic: skipped 4 bad rows (" in ran.err
    for line in (31, 32, 33, 34):
        assert f"topic.train.tsv:{line}: row has 1 column, expected 3" in ran.err
    refused = call("train", "--patterns", suite, "--skip-bad-rows", "3", "--out", "other")
    assert (refused.code, refused.out) == (2, "")
    assert not Path("other").exists()


def test_rows_seen_in_training_are_named(call: Call, suite: Path) -> None:
    (suite.parent / "topic.dev.tsv").write_bytes((suite.parent / "topic.train.tsv").read_bytes())
    ran = call("train", "--patterns", suite)
    assert "warning: topic: 30 of 30 dev rows occur in the training data too" in ran.err
