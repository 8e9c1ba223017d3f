"""Words and patterns back in their files: comments and order kept, never over another's change."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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
    assert client.run("topic/effect", {"words": words})["figures"]["macro_f1"]["change"] == 0
    # a page that is opened again finds the same
    assert client.post("topic/reload")["words"] == words


def test_a_file_that_is_no_text_any_more(client: Any, folder: Path) -> None:
    seen = client.get("/api/tasks/topic").json()["words_file"]["digest"]
    (folder / "topic.txt").write_bytes(b"\xff\xfe")
    answer = save(client, "topic", status=422, seen=seen)
    assert "UTF-8" in str(answer)
    assert (folder / "topic.txt").read_bytes() == b"\xff\xfe"
    file = folder / "toy.yaml"
    file.write_bytes(file.read_text(encoding="utf-8").encode("gb18030"))
    for what in ("patterns", "words"):
        answer = save(client, "pair", status=422, what=what, patterns=["{one}{mask}{two}"])
        assert "not UTF-8" in str(answer)


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


def test_a_page_that_is_reloaded_shows_what_it_may_replace(client: Any, folder: Path) -> None:
    file = folder / "topic.txt"
    # before a page was opened, and since
    for before, other, added in (("体 育", "体 山", "水"), ("体 山", "体 火", "木")):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(before, other), encoding="utf-8")
        words = client.get("/api/tasks/topic").json()["words"]
        assert words["a/b/../c"] == other.split()
        save(client, "topic", words={**words, "{{x}}": ["科", added]})
        text = file.read_text(encoding="utf-8")
        assert other in text
        assert f"科 {added}" in text
    text = (folder / "toy.yaml").read_text(encoding="utf-8")
    (folder / "toy.yaml").write_text(text.replace("类：", "新："), encoding="utf-8")
    found = client.get("/api/tasks/topic").json()
    assert (found["prefix"], found["patterns_file"]["changed"]) == ("新：", False)


def test_another_page_does_not_make_a_change_seen(
    client: Any, folder: Path, words_of: Make
) -> None:
    file = folder / "topic.txt"
    old = client.get("/api/tasks/topic").json()
    other = file.read_text(encoding="utf-8").replace("体 育", "体 山")
    file.write_text(other, encoding="utf-8")
    assert client.get("/api/tasks/topic").json()["words"] != old["words"]
    words, seen = words_of(["新", "水"], ["体", "育"], ["科"]), old["words_file"]["digest"]
    save(client, "topic", 409, words=words, seen=seen)
    assert file.read_text(encoding="utf-8") == other


@pytest.mark.parametrize("broken", ["a/b/../c", '"a/b/../c 体 育'])
def test_a_file_with_a_mistake_is_not_replaced_unseen(
    client: Any, folder: Path, broken: str
) -> None:
    file = folder / "topic.txt"
    right = file.read_text(encoding="utf-8")
    for opened in (False, True):  # the mistake is older than the first page, then younger
        other = right.replace("a/b/../c" + " " * 38 + "体 育", broken)
        file.write_text(other, encoding="utf-8")
        found = client.get("/api/tasks/topic").json()
        assert found["words"]["a/b/../c"] == ["体", "育"]
        assert found["words_file"]["changed"]
        assert bool(found["words_file"]["digest"]) == opened
        save(client, "topic", 409, words=found["words"])
        client.post("topic/reload", status=422)
        assert file.read_text(encoding="utf-8") == other
        file.write_text(right, encoding="utf-8")
        assert not client.get("/api/tasks/topic").json()["words_file"]["changed"]


def test_files_are_read_as_they_were_at_the_start(folder: Path, toy_backbone: Path) -> None:
    """With the model and the data folder of the command, and without what needs training."""
    from pet_mtl.studio.session import Session
    from pet_mtl.words.loaded import load

    file = folder / "toy.yaml"
    text = file.read_text(encoding="utf-8").replace(f"model: {toy_backbone}\n", "data_root: ~no\n")
    text = text.replace('"{title}是{mask}"', '"{title}{soft:2}{mask}"')
    file.write_text(text, encoding="utf-8")
    loaded = load(file, str(toy_backbone), data_root=folder)
    session = Session(loaded, "topic", stored=False)
    shown = session.to_json()
    assert not shown["patterns_file"]["changed"]
    assert shown["patterns"] == ["{mask}。{title}", "{title}{mask}"]


def save_over(client: Any, words: dict[str, list[str]]) -> None:
    """Save the words of `topic`, and again over what was found in the file, as the page does."""
    seen = client.get("/api/tasks/topic").json()["words_file"]["digest"]
    asked = {"what": "words", "words": words, "seen": seen}
    if "changed" in (answer := client.client.post("/api/tasks/topic/save", json=asked).json()):
        asked["seen"] = answer["changed"]["digest"]
        client.post("topic/save", asked)


def test_a_label_that_lost_its_words_gets_them_back(
    client: Any, folder: Path, words_of: Make
) -> None:
    file = folder / "topic.txt"
    before = file.read_text(encoding="utf-8")
    line = "a/b/../c" + " " * 38 + "体 育\n"
    file.write_text(before.replace(line, "a/b/../c\n"), encoding="utf-8")
    save_over(client, words_of(["新"], ["体", "育"], ["科"]))
    assert file.read_text(encoding="utf-8") == before.replace(line, "a/b/../c  体 育\n")


def test_a_link_and_permissions_stay(
    folder: Path, open_client: Callable[..., Any], words_of: Make
) -> None:
    link, file = folder / "topic.txt", folder / "elsewhere.txt"
    link.rename(file)
    link.symlink_to(file)
    file.chmod(0o600)
    save(open_client(), "topic", words=words_of(["新", "水"], ["体"], ["科"]))
    assert link.is_symlink()
    assert "新 水" in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", ["", "# by another\n", "{{x}}  科  # last"])
def test_labels_that_the_file_lost_come_back(
    client: Any, folder: Path, words_of: Make, left: str
) -> None:
    file = folder / "topic.txt"
    file.write_text(left, encoding="utf-8")
    words = words_of(["新", "水"], ["体", "育"], ["科"])
    save_over(client, words)
    now = file.read_text(encoding="utf-8")
    assert left in now
    assert "a/b/../c  体 育\n" in now
    assert client.post("topic/reload")["words"] == words


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


def test_of_saves_at_once_one_is_written_and_the_others_are_told(
    client: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tasks of one pattern file, each twice; whoever may write waits for the others to come."""
    from pet_mtl.studio import save as saving

    patterns = {"topic": ["{mask}：{title}", "{title}：{mask}"], "pair": ["{one}{mask}{two}"]}
    met, write = threading.Barrier(4), saving.write_bytes

    def wait_and_write(path: Path, content: bytes) -> None:
        with suppress(threading.BrokenBarrierError):
            met.wait(1)
        write(path, content)

    monkeypatch.setattr(saving, "write_bytes", wait_and_write)
    asked = []
    for number, (task, of_task) in enumerate([*patterns.items()] * 2):
        now = client.get(f"/api/tasks/{task}").json()
        edit = {"prefix": f"{number}：", "patterns": of_task, "words": now["words"]}
        seen = now["patterns_file"]["digest"]
        asked.append((task, {"what": "patterns", "seen": seen, **edit}))

    def post(one: Any) -> Any:
        return client.client.post(f"/api/tasks/{one[0]}/save", json=one[1])

    with ThreadPoolExecutor(len(asked)) as threads:
        answers = list(threads.map(post, asked))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    winner = [each.status_code for each in answers].index(200)
    text = (folder / "toy.yaml").read_text(encoding="utf-8")
    assert [f'"{number}："' in text for number in range(4)] == [n == winner for n in range(4)]
    assert answers[winner].json()["prefix"] == f"{winner}："


def test_of_two_processes_that_save_at_once_the_second_is_told(
    client: Any, folder: Path, words_of: Make
) -> None:
    pytest.importorskip("fcntl", reason="there are no lock files here")
    file = folder / "topic.txt"
    code = f"""
import pathlib, time
from pet_mtl.studio import save
from pet_mtl.suite.suite import load_suite
suite = load_suite(pathlib.Path({str(folder / "toy.yaml")!r}))
task = suite.tasks["topic"]
source = save.words_source(suite, task, False)
words = dict(zip(task.verbalizer.labels, (["新", "水"], ["体"], ["科"])))
write = save.write_bytes
def slow(path, content):
    print("compared", flush=True)
    time.sleep(1)
    write(path, content)
save.write_bytes = slow
save.save_words(source, suite, "topic", words, source.digest())
"""
    seen = client.get("/api/tasks/topic").json()["words_file"]["digest"]
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"compared\n"
        save(client, "topic", 409, words=words_of(["新", "火"], ["体"], ["科"]), seen=seen)
    assert other.returncode == 0
    assert "新 水" in file.read_text(encoding="utf-8")
    assert not list(folder.glob(".*.lock"))


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
