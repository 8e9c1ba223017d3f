"""Labels with hierarchical names through training, scoring, predicting and trying words."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from toy_runs import weights_in
from typer.testing import CliRunner

from pet_mtl.cli.main import app
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.report.run import report_run
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel, with_verbalizers
from pet_mtl.suite.levels import UpperWords
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer
from pet_mtl.training.run import train

PATTERNS = """\
version: 1
model: {model}
tasks:
  topics:
    levels: by_level
    patterns: ["{{mask}}：{{text}}", "{{text}}。{{mask}}!"]
    verbalizer: topics.txt
    columns: {{text: 0, label: 1}}
    data: {{train: train.tsv, dev: dev.tsv}}
train:
  max_steps: 10
  learning_rate: 0.003
  batch_tokens: 300
  max_length: 32
  precision: fp32
  warmup: 2
  evaluate_every: 5
"""
WORDS = "a 红\na/x 喜\na/y 悲\nb 蓝\nb/x 喜\nb/y 悲\nc 绿\n"
LETTERS = {"a/x": "甲丁", "a/y": "甲己", "b/x": "乙丁", "b/y": "乙己", "c": "丙"}


def write_levels(folder: Path, model: Path) -> Path:
    draw = random.Random(5)
    for part, count in (("train", 50), ("dev", 20)):
        rows = []
        for number in range(count):
            label = list(LETTERS)[number % 5]
            letters = [*LETTERS[label], *(draw.choice("山水火土") for _ in range(3))]
            draw.shuffle(letters)
            rows.append(f"{''.join(letters)}\t{label}\n")
        (folder / f"{part}.tsv").write_text("".join(rows), encoding="utf-8")
    (folder / "topics.txt").write_text(WORDS, encoding="utf-8")
    file = folder / "levels.yaml"
    file.write_text(PATTERNS.format(model=model), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, toy_backbone: Path) -> Path:
    folder = tmp_path_factory.mktemp("levels")
    train(load_suite(write_levels(folder, toy_backbone)), folder / "run", report=report_run)
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_probabilities_are_those_of_the_formula(place: Path, toy_backbone: Path) -> None:
    suite = load_suite(place / "levels.yaml")
    task = suite.tasks["topics"]
    names = ("a/x", "a/y", "b/x", "b/y", "c", "a", "b")
    words = (("喜",), ("悲",), ("金",), ("伤",), ("绿",), ("红",), ("蓝",))
    one = {"patterns": task.patterns[:1]}
    leaves = Verbalizer(labels=names[:5], words=words[:5])
    above = UpperWords(labels=names[5:], words=words[5:])
    by_level = task.model_copy(update={**one, "verbalizer": leaves, "above": above})
    flat = task.model_copy(
        update={**one, "levels": None, "above": None}
        | {"verbalizer": Verbalizer(labels=names, words=words)}
    )
    rows = {"topics": Rows.of({"text": ["甲丁山", "丙水"]})}

    def log_probs(spec: TaskSpec) -> NDArray[np.float32]:
        changed = suite.model_copy(update={"tasks": {"topics": spec}})
        return LoadedModel(str(toy_backbone), changed).raw_log_probs(rows)["topics"]

    found, scores = log_probs(by_level), log_probs(flat)  # differences are all that counts

    def of(name: str, row: int) -> float:
        siblings = [k for k, other in enumerate(names) if other[:-1] == name[:-1]]
        own = scores[row]
        return float(own[names.index(name)] - np.logaddexp.reduce(own[siblings]))

    for row in range(2):
        expected = [
            of(name, row) + (of(name[0], row) if "/" in name else 0.0) for name in names[:5]
        ]
        assert found[row] == pytest.approx(expected, abs=1e-4)
    assert np.exp(found).sum(-1) == pytest.approx([1, 1], abs=1e-5)


def test_the_same_words_in_another_order_are_the_same_words(place: Path) -> None:
    """So what was fitted for them holds on."""
    suite = load_suite(place / "levels.yaml")
    turned = "".join(f"{line}\n" for line in reversed(WORDS.splitlines()))
    (place / "turned.txt").write_text(turned, encoding="utf-8")
    task = with_verbalizers(suite, {"topics": place / "turned.txt"}).tasks["topics"]
    assert task.all_labels == suite.tasks["topics"].all_labels
    assert task.all_words == suite.tasks["topics"].all_words
    assert task.above is not None
    assert task.above.lines == (7, 4)  # of `a` and `b` in the file


def test_score_predict_and_report_tell_the_levels(place: Path) -> None:
    checkpoint = place / "run" / "checkpoint"
    found = json.loads(run("score", checkpoint, "--json"))["checkpoints"][0]["tasks"]["topics"]
    assert [one["level"] for one in found["levels"]] == [1, 2]
    assert found["levels"][1]["macro_f1"] == pytest.approx(found["macro_f1"])
    page = (place / "run" / "report.html").read_text(encoding="utf-8")
    assert "macro-F1, level 1" in page
    (place / "new.tsv").write_text("甲丁火\n丙木\n", encoding="utf-8")
    run("predict", checkpoint, "--data", f"topics={place / 'new.tsv'}", "--out", place / "out")
    written = (place / "out" / "topics.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in written.splitlines()]
    assert len(lines) == 2
    assert {line["label"] for line in lines} <= set(LETTERS)


def test_words_try_scores_as_score_does(place: Path, toy_backbone: Path) -> None:
    tried = json.loads(run("words", "try", "--patterns", place / "levels.yaml", "--json"))
    scored = json.loads(run("score", toy_backbone, "--patterns", place / "levels.yaml", "--json"))
    one = tried["tasks"]["topics"]
    assert (
        json.dumps(one).count(str(scored["checkpoints"][0]["tasks"]["topics"]["macro_f1"])[:8]) >= 1
    )


def test_words_check_and_data_check_know_the_names_above(place: Path) -> None:
    found = json.loads(run("words", "check", "--patterns", place / "levels.yaml", "--json"))
    assert {"a", "b", "a/x", "c"} <= found["tasks"]["topics"]["labels"].keys()
    assert not found["errors"]  # 喜 twice, below other names
    run("data", "check", "--patterns", place / "levels.yaml")


def test_other_words_for_a_checkpoint(place: Path) -> None:
    other = place / "other.txt"
    other.write_text(WORDS.replace("a 红", "a 金"), encoding="utf-8")
    loaded = LoadedCheckpoint(place / "run" / "checkpoint", {"topics": other})
    assert loaded.suite.tasks["topics"].above is not None
    assert loaded.suite.tasks["topics"].above.words[0] == ("金",)
    assert not loaded.calibration
    other.write_text(WORDS.replace("a 红\n", ""), encoding="utf-8")
    with pytest.raises(PetMtlError, match="has no label words"):
        LoadedCheckpoint(place / "run" / "checkpoint", {"topics": other})


def test_a_row_with_a_name_above_is_told_where(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.tsv"
    file.write_text("甲\ta/x\n乙\ta\n", encoding="utf-8")
    result = CliRunner().invoke(
        app, ["score", str(place / "run" / "checkpoint"), "--data", f"topics={file}"]
    )
    assert isinstance(result.exception, PetMtlError)
    assert "rows.tsv:2" in str(result.exception)
    assert 'label "a" has others below it, such as "a/x"' in str(result.exception)


def test_loss_terms_take_the_tasks_rows(place: Path, tmp_path: Path) -> None:
    more = ["train.losses.focal.gamma=2", "train.max_steps=2", "train.logit_adjustment=1"]
    train(load_suite(place / "levels.yaml", overrides=more), tmp_path / "run")


def test_adapet_leaves_the_loss_of_paths_as_it_is(place: Path, tmp_path: Path) -> None:
    """A word below two names tells siblings only, and it would not train the words above."""
    for run_name, losses in (("plain", "{}"), ("adapet", "{adapet: {rate: 0.2}}")):
        more = [f"train.losses={losses}", "train.max_steps=3", "train.dropout=0.0"]
        train(load_suite(place / "levels.yaml", overrides=more), tmp_path / run_name)
    plain, adapet = (weights_in(tmp_path / name / "last") for name in ("plain", "adapet"))
    for name, weight in plain.items():
        torch.testing.assert_close(adapet[name], weight, rtol=1e-3, atol=1e-4, msg=name)


def test_heads_with_levels(place: Path, tmp_path: Path) -> None:
    suite = load_suite(place / "levels.yaml", overrides=["train.max_steps=2"], method="heads")
    done = train(suite, tmp_path / "run")
    assert 0 <= done.scores["topics"].value("macro_f1") <= 1
