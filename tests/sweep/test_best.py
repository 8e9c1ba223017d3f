"""`best.yaml` says what the pattern file and the best settings say, from another folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.paths import user_path
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.sweep.best import write_best

FILE = """\
version: 1
model: {model}
method: heads   # a classifier each
tasks:
  first: &first   # with labels as pandas writes them
    patterns: "{{mask}}。{{text}}"
    verbalizer: {{True: 好, FALSE: 坏, 1: 一, 1.0: 点, 007: 七, null: 空, ~: 无, 2026-01-02: 日, 1e3: 千}}
    columns: {{text: 0, label: 1}}
    data: {{train: rows.tsv, dev: {{split: 0.3}}}}
  second: *first
  third:
    patterns: ["{{mask}}。{{text}}"]
    verbalizer: {words}
    columns: {{text: 0, label: 1}}
    data: {{train: rows.tsv}}
train:
  # nothing yet
"""


def meaning(suite: Suite) -> dict[str, Any]:
    places = {"tasks": {"__all__": {"verbalizer": {"source", "lines"}}}}
    said = suite.model_dump(mode="json", exclude=places)
    return {key: said[key] for key in ("model", "tasks", "train", "sampling", "method", "base")}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder with label words and a model; the working directory is another."""
    home = tmp_path / "home"
    (home / "own").mkdir(parents=True)
    (home / "words.txt").write_text("a 好\nb 坏\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(tmp_path)
    return home


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"train.learning_rate": 1e-4, "train.ema": None, "train.losses.focal.gamma": 2},
        {"tasks.first.prefix": "007", "tasks.third.prefix": "～：# 1"},
        {"tasks.first.patterns.0": "～{mask}：{text}", "tasks.third.data.train.0": "more.tsv"},
        {"tasks.first.data.dev.split": 0.2, "method.features": "mean"},
        {"tasks.third.verbalizer": {"1.0": ["yes", "1"], "no": "null"}},
        {"tasks.third.patterns": ["{text}：{mask}", "true {mask} {text}"]},
    ],
)
def test_means_the_same(home: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    source, target = tmp_path / "file" / "p.yaml", tmp_path / "out" / "best.yaml"
    source.parent.mkdir()
    source.write_text(FILE.format(model="zh-mini", words="~/words.txt"), encoding="utf-8")
    texts = [f"{name}={json.dumps(value)}" for name, value in settings.items()]
    write_best(source, settings, target)
    assert meaning(load_suite(target)) == meaning(load_suite(source, overrides=texts))
    assert "# nothing yet" in target.read_text(encoding="utf-8")


def test_what_tasks_share_is_moved_once(home: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "file" / "p.yaml", tmp_path / "out" / "best" / "best.yaml"
    for folder in (source.parent, target.parent):
        folder.mkdir(parents=True)
    (source.parent / "own.txt").write_text("a 好\nb 坏\n", encoding="utf-8")
    (source.parent / "one.txt").write_text("""{"mask"}。{"meta":"text"}\n""", encoding="utf-8")
    task = "columns: {text: 0, label: 1}, data: {train: rows.tsv}, verbalizer: own.txt"
    source.write_text(
        f"""\
version: 1
model: zh-mini
tasks:
  first: &first {{patterns: &both [one.txt, "{{text}}{{mask}}"], {task}}}
  second: *first
  third: {{patterns: *both, {task}}}
""",
        encoding="utf-8",
    )
    write_best(source, {"tasks.third.prefix": "三"}, target)
    expected = load_suite(source, overrides=["tasks.third.prefix=三"])
    assert meaning(load_suite(target)) == meaning(expected)


def test_names_the_model_and_the_files_of_the_pattern_file(home: Path, tmp_path: Path) -> None:
    """`own` is a folder beside the pattern file, in the working directory and at home."""
    for folder in ("file/own", "own", "file/zh-mini", "out"):
        (tmp_path / folder).mkdir(parents=True)
    source, target = tmp_path / "file" / "p.yaml", tmp_path / "out" / "best.yaml"
    for model, expected in (
        ("own", "../file/own"),
        ("zh-mini", "zh-mini"),
        ("~/own", "../home/own"),
    ):
        source.write_text(FILE.format(model=model, words="~/words.txt"), encoding="utf-8")
        write_best(source, {}, target)
        suite = load_suite(target)
        assert suite.model == expected
        assert suite.tasks["third"].verbalizer.words == (("好",), ("坏",))
    assert user_path("~") == home
