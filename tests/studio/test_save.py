"""Words and patterns back in their files: comments and order kept, never over another's change."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

Make = Callable[..., dict[str, list[str]]]


def save(client: Any, task: str, status: int = 200, **asked: Any) -> Any:
    now = client.get(f"/api/tasks/{task}").json()
    what = asked.setdefault("what", "words")
    asked.setdefault("words", now["words"])
    asked.setdefault("seen", now[f"{what}_file"]["digest"])
    return client.post(f"{task}/save", asked, status)


def test_a_verbalizer_file_keeps_comments_and_order(
    client: Any, folder: Path, words_of: Make
) -> None:
    before = (folder / "topic.txt").read_text(encoding="utf-8")
    words = words_of(["新", "一 二"], ["体", "育"], ["科"])
    task = save(client, "topic", words=words)
    now = (folder / "topic.txt").read_text(encoding="utf-8")
    assert now == before.replace('>"   新   #', '>"   新 "一 二"   #')
    assert task["words"] == words
    assert client.run("topic/effect", {"words": words})["macro_f1"]["change"] == 0
    # a page that is opened again finds the same
    assert client.post("topic/reload")["words"] == words


def test_words_in_the_pattern_file(client: Any, folder: Path) -> None:
    before = (folder / "toy.yaml").read_text(encoding="utf-8")
    words = {"0": ["好", "真"], "1": ["坏", "不好"]}
    save(client, "pair", words=words)
    now = (folder / "toy.yaml").read_text(encoding="utf-8")
    expected = before.replace("[好, 真好] ", '[好, "真"] ')
    assert now == expected.replace('"1": 坏', '"1": ["坏", "不好"]')
    assert client.post("pair/reload")["words"] == words


def test_patterns(client: Any, folder: Path) -> None:
    before = (folder / "toy.yaml").read_text(encoding="utf-8")
    patterns = ["{mask}：{title}", "{title}是{mask}"]
    save(client, "topic", what="patterns", prefix="新：", patterns=patterns)
    now = (folder / "toy.yaml").read_text(encoding="utf-8")
    expected = before.replace('prefix: "类："', 'prefix: "新："')
    assert now == expected.replace('"{mask}。{title}"', '"{mask}：{title}"')
    save(client, "pair", what="patterns", prefix="对：", patterns=["{one}{mask}{two}"])
    text = (folder / "toy.yaml").read_text(encoding="utf-8")
    assert '    prefix: "对："\n    patterns: "{one}{mask}{two}"\n' in text
    assert client.post("pair/reload")["prefix"] == "对："
    save(client, "topic", what="patterns", prefix="新：", patterns=patterns[:1])
    assert client.post("topic/reload")["patterns"] == patterns[:1]
    assert "# words here" in (folder / "toy.yaml").read_text(encoding="utf-8")


def test_a_file_that_was_changed_meanwhile(client: Any, folder: Path, words_of: Make) -> None:
    file = folder / "topic.txt"
    seen = client.get("/api/tasks/topic").json()["words_file"]["digest"]
    other = file.read_text(encoding="utf-8").replace("体 育", "体 山") + "# by another\n"
    file.write_text(other, encoding="utf-8")
    words = words_of(["新", "水"], ["体", "育"], ["科"])
    refused = save(client, "topic", 409, words=words, seen=seen)
    assert file.read_text(encoding="utf-8") == other
    difference = refused["changed"]["difference"]
    assert any(line.startswith("-") and "体 山" in line for line in difference)
    assert any(line.startswith("+") and "新 水" in line for line in difference)
    assert "changed meanwhile" in refused["problems"][0]["message"]
    # what was seen since may be replaced; the other's comment stays
    save(client, "topic", words=words, seen=refused["changed"]["digest"])
    now = file.read_text(encoding="utf-8")
    assert all(part in now for part in ("新 水", "体 育", "# by another"))
    # or taken
    file.write_text(other, encoding="utf-8")
    assert client.post("topic/reload")["words"]["a/b/../c"] == ["体", "山"]


def test_a_write_that_fails_leaves_the_file(
    client: Any, folder: Path, words_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "topic.txt"
    before = file.read_bytes()

    def fail(*arguments: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    found = save(client, "topic", 422, words=words_of(["新", "水"], ["体"], ["科"]))
    assert "disk is full" in found["problems"][0]["message"]
    monkeypatch.undo()
    assert file.read_bytes() == before
    assert not list(folder.glob(".topic*"))


@pytest.mark.slow
def test_a_save_that_is_killed_leaves_the_file(client: Any, folder: Path, words_of: Make) -> None:
    """At any moment the file is the old one or the new one: it is renamed into its place."""
    file = folder / "topic.txt"
    code = f"""
import os, pathlib, signal
from pet_mtl.suite.suite import load_suite
from pet_mtl.studio.save import save_words, words_source
suite = load_suite(pathlib.Path({str(folder / "toy.yaml")!r}))
task = suite.tasks["topic"]
source = words_source(suite, task, False)
words = dict(zip(task.verbalizer.labels, (["新", "水"], ["体"], ["科"])))
pathlib.Path.replace = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
save_words(source, suite, "topic", words, source.digest())
"""
    before = file.read_bytes()
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert file.read_bytes() == before
    save(client, "topic", words=words_of(["新", "水"], ["体"], ["科"]))
    assert "新 水" in file.read_text(encoding="utf-8")


def test_wrong_words_are_not_written(client: Any, folder: Path, words_of: Make) -> None:
    before = (folder / "topic.txt").read_bytes()
    save(client, "topic", 422, words=words_of(["新"], ["体"], ["新"]))
    save(client, "topic", 422, words=words_of(["新"], ["体"], []))
    save(client, "topic", 422, words={"x": ["新"]})
    assert (folder / "topic.txt").read_bytes() == before


def test_a_file_that_is_gone(client: Any, folder: Path, words_of: Make) -> None:
    seen = client.get("/api/tasks/topic").json()["words_file"]["digest"]
    (folder / "topic.txt").unlink()
    words = words_of(["新", "水"], ["体"], ["科"])
    found = client.post("topic/save", {"what": "words", "words": words, "seen": seen}, 422)
    assert "no file" in found["problems"][0]["message"]


def test_openprompt_files_are_not_written(folder: Path, open_client: Callable[..., Any]) -> None:
    (folder / "many.txt").write_text("一,二\n三\n", encoding="utf-8")
    (folder / "many.tsv").write_text("一\t0\n二\t1\n", encoding="utf-8")
    client = open_client()
    task = client.get("/api/tasks/many").json()
    assert task["words_file"]["path"] is None
    assert "own format" in task["words_file"]["reason"]
    asked = {"what": "words", "words": {"0": ["一"], "1": ["三"]}, "seen": ""}
    client.post("many/save", asked, 422)
    assert (folder / "many.txt").read_text(encoding="utf-8") == "一,二\n三\n"
