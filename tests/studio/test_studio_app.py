"""The page's interface: the scores of `words try`, checks, rows, patterns, one row, security."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

from pet_mtl.metrics.gain import macro_f1_gain
from pet_mtl.serving.guard import Access
from pet_mtl.studio.jobs import Jobs
from pet_mtl.studio.page import page_address, page_files
from pet_mtl.words import candidate_scores, trial
from pet_mtl.words.loaded import load
from pet_mtl.words.try_words import WordTrial

LABELS = ['<img src=x onerror="document.title=1">', "a/b/../c", "{{x}}"]
Words = dict[str, list[str]]


@pytest.fixture
def own(client: Any) -> Words:
    return dict(client.get("/api/tasks/topic").json()["words"])


@pytest.fixture
def new(words_of: Callable[..., Words]) -> Words:
    return words_of(["新", "新闻"], ["体"], ["科"])


def test_the_suite_and_a_task(client: Any, own: Words, words_of: Callable[..., Words]) -> None:
    suite = client.get("/api/suite").json()
    assert [each["task"] for each in suite["tasks"]] == ["topic", "pair", "many"]
    assert suite["tasks"][2]["labels"] == 119
    task = client.get("/api/tasks/topic").json()
    assert task["labels"] == LABELS
    assert own == words_of(["新"], ["体", "育"], ["科"])
    assert task["patterns"] == ["{mask}。{title}", "{title}是{mask}"]
    assert task["words_file"]["path"].endswith("topic.txt")
    assert client.get("/api/tasks/none").status_code == 404


def test_scores_are_those_of_words_try(client: Any, folder: Path, new: Words) -> None:
    found = client.run("topic/effect", {"words": new})
    file = folder / "new.txt"
    text = (folder / "topic.txt").read_text(encoding="utf-8")
    file.write_text(text.replace("  新  ", "  新 新闻").replace("体 育", "体"), encoding="utf-8")
    words = WordTrial(load(folder / "toy.yaml", None), {"topic": [file]}, place=folder / "other")
    tried = words.run()["topic"]
    before, after = tried.own, tried.files[0]
    old_score: Any = before.score
    score: Any = after.score
    assert found["confusion"] == score.confusion
    assert "confusion_before" not in found  # the page draws one matrix; of many labels it is large
    for name in ("macro_f1", "accuracy"):
        assert found["figures"][name]["before"] == getattr(old_score, name)
        assert found["figures"][name]["after"] == getattr(score, name)
    assert [each["after"] for each in found["labels"]] == [
        each.f1 for each in score.per_label.values()
    ]
    change = tried.changes()[0]
    assert (found["gained"], found["lost"]) == (len(change.gained), len(change.lost))
    gain, interval = macro_f1_gain(after.rows.labels, before.predicted, after.predicted, 3)
    assert found["figures"]["macro_f1"]["change"] == pytest.approx(gain)
    assert found["figures"]["macro_f1"]["change_ci95"] == list(interval)
    assert found["gained"] + found["lost"] > 0  # the test is of something


def test_the_words_as_they_are_change_nothing(client: Any, own: Words) -> None:
    found = client.run("topic/effect", {"words": own})
    assert found["figures"]["macro_f1"]["change"] == found["gained"] == found["lost"] == 0
    assert found["figures"]["macro_f1"]["change_ci95"] == [0, 0]
    assert found["luck"]["p"] is None


def test_as_many_words_and_patterns_as_a_file_may_hold(client: Any, own: Words) -> None:
    some = "一二三四五六七八九十山水火土木"
    words = own | {LABELS[0]: [one + other for one in some for other in some]}
    edit = {"words": words, "patterns": ["{mask}。{title}"] * 9}
    assert client.run("topic/effect", edit)["rows"] == 60
    found = client.run("topic/inspect", {**edit, "fields": {"title": "新" * 30_000}})
    assert len(found["patterns"]) == 9


def test_rows_of_an_edit(client: Any, new: Words) -> None:
    found = client.run("topic/effect", {"words": new})

    def rows(**asked: Any) -> Any:
        return client.post("topic/rows", {"effect": found["effect"], "size": 200, **asked})

    every = rows()["rows"]
    assert len(every) == found["rows"] == 60
    matrix = np.zeros((3, 3), int)
    for row in every:
        matrix[row["gold"], row["after"]] += 1
    assert matrix.tolist() == found["confusion"]
    for kind in ("gained", "lost", "flipped"):
        assert rows(kind=kind)["total"] == found[kind]
    assert rows(kind="wrong")["total"] == 60 - np.trace(matrix)
    gold, predicted = map(int, np.argwhere(matrix)[0])
    cell = rows(kind="cell", gold=gold, predicted=predicted)
    assert cell["total"] == matrix[gold, predicted]
    assert {(row["gold"], row["after"]) for row in cell["rows"]} == {(gold, predicted)}
    held = rows(text="<SCRIPT>")["rows"]
    assert held
    assert all("<script>" in row["fields"]["title"] for row in held)
    pages = [rows(size=25, page=page)["rows"] for page in range(4)]
    assert [len(page) for page in pages] == [25, 25, 10, 0]
    assert [row for page in pages for row in page] == every
    assert {row["row"] for row in rows(label=1)["rows"]} == {
        row["row"] for row in every if 1 in (row["gold"], row["before"], row["after"])
    }
    assert client.post("topic/rows", {"effect": "none"}, 422)["problems"]


def test_words_are_checked_as_words_check_does(client: Any, words_of: Callable[..., Words]) -> None:
    words = words_of(["新", "闻新"], ["体", "龘"], ["科", "新"])
    found = client.post("topic/check", {"words": words})
    first, second, third = (found["labels"][label]["words"] for label in LABELS)
    assert first[1]["pieces"] == ["闻", "新"]
    assert second[1]["unknown"] == ["龘"]
    assert LABELS[0] in {place["label"] for place in third[1]["shared"]}
    assert any("share the word" in each["message"] for each in found["errors"])
    assert 0 < first[0]["prior"] < 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((["新"], ["体"], []), "has no label word"),
        ((["新"], ["体"], ["新"]), "the same label words"),
        ((["新", "新"], ["体"], ["科"]), "twice"),
        ((["新"], [" "], ["科"]), "empty"),
        ((["新"], ["体\u200b"], ["科"]), "invisible"),
        ((["龘"], ["体"], ["科"]), "龘"),
    ],
)
def test_wrong_words_are_told_as_those_of_a_file(
    client: Any, words_of: Callable[..., Words], words: Any, said: str
) -> None:
    found = client.job("topic/effect", {"words": words_of(*words)})
    assert found["state"] == "failed"
    assert any(said in each["message"] for each in found["problems"]), found
    other = client.job("topic/effect", {"words": {"other": ["新"]}})
    assert "the labels are not those" in other["problems"][0]["message"]


def test_other_patterns(client: Any, folder: Path, own: Words) -> None:
    other = {"prefix": "", "patterns": ["{title}，{mask}"]}
    found = client.run("topic/effect", {"words": own, **other})
    text = (folder / "toy.yaml").read_text(encoding="utf-8")
    start, end = text.index('    prefix: "类："'), text.index("    verbalizer: topic.txt")
    text = text[:start] + '    patterns: "{title}，{mask}"\n' + text[end:]
    (folder / "new.yaml").write_text(text, encoding="utf-8")
    words = WordTrial(load(folder / "new.yaml", None), {"topic": []}, place=folder / "other")
    score: Any = words.run()["topic"].own.score
    assert found["confusion"] == score.confusion
    again = client.run("topic/effect", {"words": own})
    assert again["confusion"] != found["confusion"]
    assert again["figures"]["accuracy"]["after"] == found["figures"]["accuracy"]["before"]


@pytest.mark.parametrize(
    ("prefix", "pattern", "said"),
    [
        ("", "{title}", "no `{mask}`"),
        ("", "{mask}", "it has no field"),
        ("", "{mask}{text}", "there is no field `text`"),
        ("{x}", "{mask}{title}", "brace"),
        ("", "{mask}{title}{soft:3}", "training"),
        ("", "{mask}{title", "never closed"),
        ("", "。" * 40 + "{mask}{title}", "no room"),
    ],
)
def test_wrong_patterns(client: Any, own: Words, prefix: str, pattern: str, said: str) -> None:
    found = client.job("topic/effect", {"words": own, "prefix": prefix, "patterns": [pattern]})
    assert found["state"] == "failed"
    assert any(said in each["message"] for each in found["problems"]), found


def test_the_row_as_the_model_sees_it(client: Any, new: Words) -> None:
    found = client.run("topic/preview", {"words": new, "row": 0})
    assert len(found["patterns"]) == 2
    one, two = found["patterns"][0]["prompts"]
    assert (one["masks"], two["masks"]) == (1, 2)
    constant = ("prefix", "pattern")
    read = "".join(piece["text"] for piece in one["pieces"] if piece["kind"] in constant)
    assert read == "类：。"
    for prompt in (one, two):
        slots = [piece for piece in prompt["pieces"] if piece["kind"] == "slot"]
        assert len(slots) == len(prompt["slots"]) == prompt["masks"]
        for slot in prompt["slots"]:
            shown = [each["probability"] for each in slot]
            assert shown == sorted(shown, reverse=True)
            assert 0 < sum(shown) <= 1.0001
    assert client.job("topic/preview", {"words": new, "row": 999})["state"] == "failed"


def test_one_row(client: Any, new: Words) -> None:
    asked = {"words": new, "fields": {"title": "一条新闻"}, "importance": True}
    found = client.run("topic/inspect", asked)
    assert sum(each["probability"] for each in found["labels"]) == pytest.approx(1, abs=1e-5)
    best = max(found["labels"], key=lambda each: each["probability"])
    assert found["label"] == best["label"]
    shares = [word["share"] for each in found["labels"] for word in each["words"]]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    units = found["importance"]["title"]
    assert [unit["text"] for unit in units] == list("一条新闻")
    left_out = client.run("topic/inspect", {"words": new, "fields": {"title": "条新闻"}})
    without = next(each for each in left_out["labels"] if each["label"] == found["label"])
    drop = best["probability"] - without["probability"]
    assert units[0]["drop"] == pytest.approx(drop, abs=1e-5)
    # a row of the suite gets what its edit got
    effect = client.run("topic/effect", {"words": new})
    row = client.post("topic/rows", {"effect": effect["effect"]})["rows"][7]
    same = client.run("topic/inspect", {"words": new, "fields": row["fields"]})
    assert same["label"] == LABELS[row["after"]]
    top = max(each["probability"] for each in same["labels"])
    assert top == pytest.approx(row["probability"], abs=1e-5)
    wrong = client.job("topic/inspect", {"words": new, "fields": {"text": "一"}})
    assert wrong["state"] == "failed"


def test_suggestions(client: Any, own: Words) -> None:
    found = client.run("topic/suggest", {"words": own, "most": 3})
    assert set(found["labels"]) == set(LABELS)
    for of_label in found["labels"].values():
        assert len(of_label["suggestions"]) <= 3
        for each in of_label["suggestions"]:
            assert each["change"] in ("add", "replace")
            assert len(each["gain_ci95"]) == 2


def test_luck_counts_the_edits_that_were_tried(client: Any, own: Words) -> None:
    assert client.run("topic/effect", {"words": own})["luck"]["tries"] == 1
    for number, word in enumerate("山水火", start=1):
        for _ in range(2):  # the same again is no other try
            found = client.run("topic/effect", {"words": {**own, "a/b/../c": [word]}})
            assert found["luck"]["tries"] == number
            assert found["luck"]["few_rows"]


def slowed(compute: Callable[..., Any]) -> tuple[threading.Event, Callable[..., Any]]:
    """Return what tells that the model began to read, and a reader that takes ten seconds."""
    begun = threading.Event()

    def slow(model: Any, prompts: Any, items: Any, masks: int, on_batch: Any) -> Any:
        for _ in range(200):
            begun.set()
            threading.Event().wait(0.05)
            on_batch(0)
        return compute(model, prompts, items, masks, on_batch)

    return begun, slow


def test_a_later_edit_stops_the_one_before(
    client: Any, own: Words, new: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = trial.compute_states
    begun, slow = slowed(compute)
    monkeypatch.setattr(trial, "compute_states", slow)
    first = client.post("topic/effect", {"words": new})
    assert begun.wait(10)
    assert first["state"] == "running"
    monkeypatch.setattr(trial, "compute_states", compute)
    assert client.run("topic/effect", {"words": own})["gained"] == 0
    assert client.get(f"/api/jobs/{first['job']}?wait=5").json()["state"] == "stopped"
    monkeypatch.setattr(trial, "compute_states", slow)
    last = client.post("topic/effect", {"words": new, "prefix": "", "patterns": ["{title}{mask}"]})
    assert client.client.delete(f"/api/jobs/{last['job']}").json()["state"] == "stopped"
    assert client.get("/api/jobs/none").status_code == 404


def test_a_later_search_stops_the_one_before(
    client: Any, own: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = candidate_scores.compute_states
    begun, slow = slowed(compute)
    monkeypatch.setattr(candidate_scores, "compute_states", slow)
    first = client.post("topic/suggest", {"words": own})
    assert begun.wait(10)
    monkeypatch.setattr(candidate_scores, "compute_states", compute)
    assert set(client.run("topic/suggest", {"words": own})["labels"]) == set(LABELS)
    assert client.get(f"/api/jobs/{first['job']}?wait=0").json()["state"] == "stopped"


def test_a_job_that_is_asked_about_is_kept_however_many_come_later() -> None:
    jobs = Jobs()
    first, second = (jobs.start(kind, lambda job: job.id) for kind in ("suggest", "effect"))
    for _ in range(100):
        jobs.start("effect", lambda job: None)
        assert jobs.find(first.id) is first
    assert jobs.find(second.id) is None


@pytest.mark.parametrize("seconds", ["nan", "-inf", "0"])
def test_no_time_to_wait_is_none(client: Any, own: Words, seconds: str) -> None:
    job = client.post("topic/effect", {"words": own})["job"]
    assert client.get(f"/api/jobs/{job}?wait={seconds}").json()["job"] == job


def test_the_page_and_its_policy(client: Any) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=|https?://", page.text)
    for name in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert client.get(name).status_code == 200
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    for path, file in page_files().items():
        text = file.content.decode()
        assert not re.search(sinks, text), path
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/none.js", "/etc/passwd"):
        assert client.get(path).status_code == 404


def test_pages_of_other_sites_may_not_ask(client: Any) -> None:
    answer = client.client.post(
        "/api/tasks/topic/save", content=b"{}", headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403
    assert client.client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_a_token(open_client: Callable[..., Any]) -> None:
    client = open_client(access=Access("0.0.0.0", token="t0ken")).client
    assert client.get("/").status_code == 200  # the page reads the token from its address
    assert client.get("/static/main.js").status_code == 200
    assert client.get("/api/suite").status_code == 401
    headers = {"Authorization": "Bearer t0ken"}
    assert client.get("/api/suite", headers=headers).status_code == 200


def test_the_page_reads_any_token_from_its_address() -> None:
    token = "".join(map(chr, range(ord("!"), ord("~") + 1)))  # all that `Access.check` lets in
    address = page_address("http://127.0.0.1:8000", token)
    assert parse_qs(urlsplit(address).fragment) == {"token": [token]}  # as `URLSearchParams`


def test_119_labels(client: Any) -> None:
    task = client.get("/api/tasks/many").json()
    found = client.run("many/effect", {"words": task["words"]})
    assert len(found["confusion"]) == 119
    assert len(client.post("many/check", {"words": task["words"]})["labels"]) == 119
