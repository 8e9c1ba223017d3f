"""Labels of several levels in the studio: the words of upper levels are edited beside those of the
labels, and figures are those of `words try`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pet_mtl.kinds import kind_of
from pet_mtl.suite.suite import load_suite
from pet_mtl.words.loaded import Loaded, load
from pet_mtl.words.try_words import WordTrial

PATTERNS = """\
version: 1
model: {model}
tasks:
  section:
    levels: by_level
    patterns: "{{mask}}：{{text}}"
    verbalizer: section.txt
    columns: {{text: 0, label: 1}}
    data: {{train: rows.tsv, dev: rows.tsv}}
  here:                                  # words in this file, joined by another mark
    levels: by_level
    level_separator: "-"
    patterns: "{{text}}。{{mask}}!"
    verbalizer: {{a: 红, a-x: 喜, a-y: 悲, b-x: 喜, b-y: 同, b: 绿}}
    columns: {{text: 0, label: 1}}
    data: {{train: here.tsv, dev: here.tsv}}
  leaves:
    levels: joint
    patterns: "{{mask}}：{{text}}"
    verbalizer: leaves.txt
    columns: {{text: 0, label: 1}}
    data: {{train: rows.tsv, dev: rows.tsv}}
train: {{max_length: 32, precision: fp32}}
"""
WORDS = """# upper names first
news        红
news/sport  喜   # a leaf
news/money  悲
life        蓝
life/food   喜
life/trip   无 关
weather     天
"""
LABELS = ["news/sport", "news/money", "life/food", "life/trip", "weather"]
CHANGED = {
    "news": ["绿"],
    "news/sport": ["悲"],
    "news/money": ["喜", "同"],
    "life": ["红"],
    "life/food": ["喜"],
    "life/trip": ["文"],
    "weather": ["天"],
}


@pytest.fixture
def loaded(tmp_path: Path, character_backbone: Path) -> Loaded:
    file = tmp_path / "levels.yaml"
    file.write_text(PATTERNS.format(model=character_backbone), encoding="utf-8")
    (tmp_path / "section.txt").write_text(WORDS, encoding="utf-8")
    alone = WORDS.replace("food   喜", "food   同")  # jointly, words are told from all others
    (tmp_path / "leaves.txt").write_text(alone, encoding="utf-8")
    texts = ["甲山", "乙水", "丙火", "天地", "日月", "金木", "土山", "水火", "山天", "地金"]
    for name, labels in (("rows", LABELS), ("here", ["a-x", "a-y", "b-x", "b-y"])):
        lines = [f"{text}\t{labels[at % len(labels)]}\n" for at, text in enumerate(texts)]
        (tmp_path / f"{name}.tsv").write_text("".join(lines), encoding="utf-8")
    return load(file, None)


@pytest.fixture
def client(loaded: Loaded, tmp_path: Path, client_of: Callable[[Any], Any]) -> Any:
    from pet_mtl.studio.app import Choice, create_app

    return client_of(create_app(loaded, Choice(place=tmp_path / "cache")))


def test_upper_names_have_words_and_labels_have_figures(client: Any) -> None:
    shown = client.get("/api/tasks/section").json()
    assert shown["labels"] == LABELS
    assert shown["names"] == [
        "news",
        "news/sport",
        "news/money",
        "life",
        "life/food",
        "life/trip",
        "weather",
    ]
    assert shown["words"]["life"] == ["蓝"]
    assert client.get("/api/tasks/leaves").json()["names"] == LABELS


@pytest.mark.parametrize("name", ["section", "leaves"])
def test_an_edit_beside_words_try(client: Any, loaded: Loaded, tmp_path: Path, name: str) -> None:
    names = client.get(f"/api/tasks/{name}").json()["names"]
    words = {label: CHANGED[label] for label in names}
    found = client.run(f"{name}/effect", {"words": words})
    file = tmp_path / "new.txt"
    lines = [f"{label}  {'  '.join(each)}\n" for label, each in CHANGED.items()]
    file.write_text("".join(lines), encoding="utf-8")
    tried = WordTrial(loaded, {name: [file]}, place=tmp_path / "other").run()[name]
    (after,) = tried.files
    figure = found["figures"]["macro_f1"]
    assert figure["before"] == tried.own.score.value("macro_f1")
    assert figure["after"] == after.score.value("macro_f1")
    assert [each["label"] for each in found["labels"]] == LABELS
    assert [each["after"] for each in found["labels"]] == [
        each.f1 for each in after.score.per_label.values()
    ]
    assert found["flipped"] == len(tried.changes()[0].flipped)
    asked = {"words": words, "row": 2}
    one = client.run(f"{name}/inspect", asked)
    _, log_probs = WordTrial(loaded, {name: [file]}, place=tmp_path / "other").score_task(
        after.task, ""
    )
    p = kind_of(after.task).probabilities(log_probs)[2]
    np.testing.assert_allclose([each["probability"] for each in one["labels"]], p, rtol=1e-5)
    assert one["said"] == LABELS[int(p.argmax())]


def test_upper_words_decide(client: Any) -> None:
    words = client.get("/api/tasks/section").json()["words"]
    swapped = {**words, "news": words["life"], "life": words["news"]}
    found = client.run("section/effect", {"words": swapped})
    assert found["flipped"] > 0


def test_words_of_one_branch_must_differ(client: Any) -> None:
    words = client.get("/api/tasks/section").json()["words"]
    twins = {**words, "news/money": words["news/sport"]}
    told = client.job("section/effect", {"words": twins})["problems"][0]["message"]
    assert told == 'labels "news/sport" (line 3) and "news/money" have the same label words'
    lacking = {label: each for label, each in words.items() if label != "life"}
    told = client.job("section/effect", {"words": lacking})["problems"][0]["message"]
    assert told == 'the labels are not those of task `section`: lacks "life"'


def test_saved_words_are_read_again(client: Any, loaded: Loaded, tmp_path: Path) -> None:
    shown = client.get("/api/tasks/section").json()
    asked = {"words": CHANGED, "what": "words", "seen": shown["words_file"]["digest"]}
    saved = client.post("section/save", asked)
    assert saved["words"] == CHANGED
    text = (tmp_path / "section.txt").read_text(encoding="utf-8")
    assert "# upper names first\nnews        绿\nnews/sport  悲   # a leaf\n" in text
    task = load_suite(Path(loaded.suite.source)).tasks["section"]
    assert dict(zip(task.all_labels, map(list, task.all_words), strict=True)) == CHANGED

    shown = client.get("/api/tasks/here").json()
    assert shown["names"] == ["a", "a-x", "a-y", "b", "b-x", "b-y"]
    words = {**shown["words"], "b": ["水", "火"]}
    asked = {"words": words, "what": "words", "seen": shown["words_file"]["digest"]}
    assert client.post("here/save", asked)["words"] == words
    task = load_suite(Path(loaded.suite.source)).tasks["here"]
    assert dict(zip(task.all_labels, map(list, task.all_words), strict=True)) == words


def test_files_that_change_outside(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "section.txt"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join([*lines[4:], *lines[:4]]).replace("蓝", "绿"), encoding="utf-8")
    shown = client.post("section/reload")
    assert shown["labels"] == LABELS  # rows are counted by them
    assert (shown["words"]["life"], shown["words"]["news"]) == (["绿"], ["红"])
    file.write_text(WORDS.replace("life", "live"), encoding="utf-8")
    assert "other labels now" in str(client.post("section/reload", status=422))
