"""A task of labels alone: its words, its pattern, and what `predict --labels` says with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pet_mtl
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.label_names import suite_of_labels

Call = Callable[..., Any]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("体育,财经", {"体育": "体育", "财经": "财经"}),
        ("体育 ，财经=经济", {"体育": "体育", "财经": "经济"}),
        ("体育、财经", {"体育": "体育", "财经": "财经"}),
        ("positive,negative", {"positive": "好", "negative": "差"}),
        ("n1=好, n2=坏", {"n1": "好", "n2": "坏"}),
    ],
)
def test_words(labels: str, words: dict[str, str]) -> None:
    task = suite_of_labels(labels, "zh-mini").tasks["texts"]
    found = zip(task.verbalizer.labels, task.verbalizer.words, strict=True)
    assert {label: own[0] for label, own in found} == words
    assert task.patterns == ("{mask}。{text}",)


def test_the_language_of_other_models(backbone: Path) -> None:
    for labels, pattern in (("good,bad", "It is {mask}. {text}"), ("好,坏", "{mask}。{text}")):
        suite = suite_of_labels(labels, str(backbone))
        assert suite.tasks["texts"].patterns == (pattern,)
        assert suite.train.max_length == 64  # as many positions as it has


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("好", "a task needs two labels or more, with commas between them"),
        ("好 坏", "a task needs two labels or more, with commas between them"),
        ("好,", "labels have the form NAME or NAME=WORD"),
        ("好=,坏", "labels have the form NAME or NAME=WORD"),
        ("好,坏,好=是", "the label `好` stands there twice"),
        ("n1,坏", "the model knows no word for the label `n1`"),
        ("好,好的=好", 'labels "好" and "好的" have the same label words'),
    ],
)
def test_wrong_labels(labels: str, message: str) -> None:
    with pytest.raises(PetMtlError, match=message):
        suite_of_labels(labels, "zh-mini")


def test_predictions(call: Call, backbone: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Those of Python; texts from a file, too, and the checkpoint says the same."""
    monkeypatch.chdir(tmp_path)
    texts = ["好天气", "坏天气", "不是好的"]
    Path("texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    form = ["--json", "--probabilities", "texts.txt"]
    ran = call("predict", backbone, "--labels", "up=好,down=坏", *form)
    assert ran.code == 0, ran.err
    task = pet_mtl.Task("texts", {"up": "好", "down": "坏"}, "{mask}。{text}")
    model = pet_mtl.load(str(backbone), task, "contextual")
    found = [row["probabilities"] for row in json.loads(ran.out)["predictions"]]
    expected = model.predict_proba(texts)
    np.testing.assert_allclose([[row["up"], row["down"]] for row in found], expected, atol=2e-6)
    made = call("checkpoint", backbone, "--labels", "up=好,down=坏", "--out", "made")
    assert made.code == 0, made.err
    assert call("predict", "made", *form).out == ran.out


@pytest.mark.parametrize(
    "command",
    [["data", "check", "--model", "made"], ["predict", "made", "好", "--calibration", "prior"]],
)
def test_a_checkpoint_of_labels_has_no_rows(
    call: Call, backbone: Path, tmp_path: Path, monkeypatch: Any, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("checkpoint", backbone, "--labels", "好,坏", "--out", "made").code == 0
    ran = call(*command)
    assert ran.code == 2
    assert "its rows are in no file" in ran.err


def test_tables_are_read_by_the_name_of_the_column(
    call: Call, backbone: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """The first column of a table is often an id."""
    monkeypatch.chdir(tmp_path)
    asked = ["predict", backbone, "--labels", "好,坏", "--data"]
    Path("t.csv").write_text("id,text\n7,好天气\n8,坏天气\n", encoding="utf-8")
    plain = call("predict", backbone, "--labels", "好,坏", "--json", "好天气", "坏天气")
    ran = call(*asked, "texts=t.csv", "--out", "-")
    shown = [json.loads(line)["probability"] for line in ran.out.splitlines()]
    assert shown == [row["probability"] for row in plain.json["predictions"]]
    Path("u.csv").write_text("id,title\n7,好天气\n", encoding="utf-8")
    ran = call(*asked, "texts=u.csv", "--out", "-")
    assert ran.code == 2
    assert "no column `text`" in ran.err


@pytest.mark.parametrize(
    "options",
    [
        ["--patterns", "p.yaml"],
        ["--verbalizer", "texts=w.txt"],
        ["-s", "train.seed=1"],
        ["--calibration", "prior"],
    ],
)
def test_what_labels_do_not_go_with(call: Call, backbone: Path, options: list[str]) -> None:
    for command in (["predict", backbone, "好"], ["checkpoint", backbone, "--out", "made"]):
        ran = call(*command, "--labels", "好,坏", *options)
        assert ran.code == 2
        assert f"`{options[0]}" in ran.err
        assert "does not go with `--labels`" in ran.err
