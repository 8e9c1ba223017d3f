"""`score` and `predict` with calibration, and models that are scored without training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pet_mtl

Call = Callable[..., Any]
Refuse = Callable[..., str]


def tasks_of(ran: Any) -> dict[str, Any]:
    assert ran.code == 0, ran.err
    tasks: dict[str, Any] = ran.json["checkpoints"][0]["tasks"]
    return tasks


@pytest.fixture
def stored(checkpoint: Path) -> dict[str, Any]:
    """The calibration that the trained checkpoint has, for one of its two tasks."""
    manifest = json.loads((checkpoint / "pet_mtl.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = manifest["calibration"]
    assert found.keys() == {"topic"}
    return found


def test_before_and_after_are_shown(call: Call, checkpoint: Path, stored: dict[str, Any]) -> None:
    tasks, raw = (
        tasks_of(call("score", checkpoint, "--json", *options))
        for options in ([], ["--calibration", "none"])
    )
    told = tasks["topic"]["calibration"]
    assert told == {
        "kind": "prior",
        "fitted_on": stored["topic"]["rows"],
        "macro_f1_before": raw["topic"]["macro_f1"],
        "accuracy_before": raw["topic"]["accuracy"],
    }
    assert tasks["topic"]["macro_f1"] > raw["topic"]["macro_f1"]
    assert "calibration" not in tasks["pair"]
    assert tasks["pair"] == raw["pair"]
    shown = call("score", checkpoint).out
    assert "macro-F1 before" in shown
    assert f"{raw['topic']['macro_f1']:.4f}" in shown
    assert "macro-F1 before" not in call("score", checkpoint, "--calibration", "none").out


@pytest.mark.parametrize(("kind", "rows"), [("contextual", 3), ("pmi", 1), ("prior", None)])
def test_a_kind_by_name(call: Call, checkpoint: Path, kind: str, rows: int | None) -> None:
    tasks = tasks_of(call("score", checkpoint, "--json", "--calibration", kind))
    assert [task["calibration"]["kind"] for task in tasks.values()] == [kind] * 2
    fitted = [task["calibration"]["fitted_on"] for task in tasks.values()]
    assert fitted == ([rows] * 2 if rows else [30, 20])


def test_the_same_calibration_everywhere(
    call: Call, checkpoint: Path, stored: dict[str, Any]
) -> None:
    Path("rows.tsv").write_text(
        "1\t一条新闻\tnews\n2\t体育天气\tsport\n3\t科技\ttech art\n", encoding="utf-8"
    )
    ran = call("predict", checkpoint, "--data", "topic=rows.tsv", "--out", "out")
    assert ran.code == 0, ran.err
    in_files = [
        json.loads(line)
        for line in Path("out/topic.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    in_python = pet_mtl.load(checkpoint).predict(["一条新闻", "体育天气", "科技"], "topic")
    assert [row["label"] for row in in_files] == [each.label for each in in_python]
    for row, each in zip(in_files, in_python, strict=True):
        assert row["probability"] == pytest.approx(each.probability, abs=1e-5)
    call("predict", checkpoint, "--data", "topic=rows.tsv", "--out", "raw", "--calibration", "none")
    assert Path("raw/topic.jsonl").read_text("utf-8") != Path("out/topic.jsonl").read_text("utf-8")


def test_new_label_words_have_their_calibration_fitted_anew(
    call: Call, checkpoint: Path, trained: Path, stored: dict[str, Any]
) -> None:
    Path("same.txt").write_text('"tech art" 科\nnews 闻\nsport 体 育\n', encoding="utf-8")
    Path("other.txt").write_text('"tech art" 技\nnews 新\nsport 类\n', encoding="utf-8")
    ran = call("score", checkpoint, "--json", "--verbalizer", "topic=same.txt")
    assert "fitted on" not in ran.err
    assert tasks_of(ran) == tasks_of(call("score", checkpoint, "--json"))
    ran = call("score", checkpoint, "--json", "--verbalizer", "topic=other.txt")
    assert "topic: `prior` calibration, fitted on 30 rows" in ran.err
    assert tasks_of(ran)["topic"]["calibration"]["kind"] == "prior"
    Path("rows.tsv").write_text("1\t一条新闻\tnews\n", encoding="utf-8")
    ran = call(
        *("score", checkpoint, "--json", "--verbalizer", "topic=other.txt"),
        *("--data", "topic=rows.tsv", "--data-root", "nowhere"),
    )
    assert ("warning: topic: no calibration, the rows to fit it on cannot be read: ") in ran.err
    assert "calibration" not in tasks_of(ran)["topic"]


def test_a_model_without_training(call: Call, suite: Path, backbone: Path) -> None:
    ran = call("score", backbone, "--patterns", suite, "--json")
    tasks = tasks_of(ran)
    assert {name: task["examples"] for name, task in tasks.items()} == {"topic": 12, "pair": 8}
    assert {task["calibration"]["kind"] for task in tasks.values()} == {"prior"}
    raw = tasks_of(call("score", backbone, "--patterns", suite, "--json", "--calibration", "none"))
    assert raw["topic"]["macro_f1"] == tasks["topic"]["calibration"]["macro_f1_before"]
    override = ["-s", "tasks.topic.calibration=none", "-s", "tasks.pair.calibration=pmi"]
    chosen = tasks_of(call("score", backbone, "--patterns", suite, "--json", *override))
    assert "calibration" not in chosen["topic"]
    assert chosen["pair"]["calibration"]["kind"] == "pmi"
    both = call("score", backbone, backbone, "--patterns", suite)
    assert both.code == 0
    assert both.out.count("macro-F1 before") == 2


def test_a_checkpoint_on_other_tasks(call: Call, suite: Path, checkpoint: Path) -> None:
    tasks = tasks_of(
        call("score", checkpoint, "--patterns", suite, "--json", "--calibration", "none")
    )
    assert tasks == tasks_of(call("score", checkpoint, "--json", "--calibration", "none"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model", "--calibration", "platt"], "--calibration: unknown calibration `platt`"),
        (["model", "-s", "train.seed=1"], "`-s` needs a pattern file"),
        (["no-such-model", "--patterns", "suite/toy.yaml"], ("there is no model `no-such-model`")),
        (["model", "--patterns", "gone.yaml"], "gone.yaml"),
    ],
)
def test_wrong_use(
    refuse: Refuse, suite: Path, checkpoint: Path, arguments: list[str], words: str
) -> None:
    assert words in refuse("score", *arguments)


def test_predict_refuses_an_unknown_kind(refuse: Refuse, checkpoint: Path) -> None:
    Path("rows.tsv").write_text("1\t好\tnews\n", encoding="utf-8")
    words = refuse(
        "predict", checkpoint, "--data", "topic=rows.tsv", "--out", "out", "--calibration", "x"
    )
    assert "--calibration: unknown calibration `x`" in words
