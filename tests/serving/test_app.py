"""The HTTP interface: the scores of `pet_mtl.load`, and a clear error for all that is wrong."""

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import pet_mtl

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

from pet_mtl.serving.limits import Limits
from pet_mtl.serving.rows import Job
from pet_mtl.serving.schema import PredictRequest

TOPICS = ["一条新闻", "体育天气好", "科技", "", "不" * 60, "未知的字", "<b>新闻</b>"]
PAIRS = [{"one": "这是好的", "two": "真的"}, {"one": "坏", "two": "不" * 20}]


def ask(client: Any, task: str, rows: Any, **more: Any) -> Any:
    return client.post("/v1/predict", json={"task": task, "rows": rows, **more})


def check(answer: Any, predictor: Any, task: str, rows: Any) -> None:
    expected = predictor.predict(rows, task)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"task", "predictions"}
    assert (body["task"], len(body["predictions"])) == (task, len(rows))
    for found, each in zip(body["predictions"], expected, strict=True):
        assert found.keys() == {"label", "word", "probability", "probabilities"}
        assert found["label"] == each.label
        assert found["probability"] == found["probabilities"][each.label]
        assert found["probabilities"] == pytest.approx(each.probabilities, abs=1e-6)
        assert list(found["probabilities"].values()) == sorted(
            found["probabilities"].values(), reverse=True
        )


def test_predictions_are_those_of_load(client: Any, made: Path) -> None:
    predictor = pet_mtl.load(made)
    check(ask(client, "topic", TOPICS), predictor, "topic", TOPICS)
    check(ask(client, "pair", PAIRS), predictor, "pair", PAIRS)
    rows = [{"title": text} for text in TOPICS]
    check(ask(client, "topic", rows), predictor, "topic", rows)
    first = ask(client, "topic", TOPICS[:1]).json()["predictions"][0]
    words = {"news": "闻", "sport": "体", "tech art": "科"}
    assert first["word"] == words[first["label"]]


def test_what_clients_ask_at_once_is_batched_and_each_gets_its_own(
    open_client: Callable[..., Any], made: Path
) -> None:
    client = open_client(batch_tokens=300, wait=0.02)
    predictor = pet_mtl.load(made)
    draw = random.Random(3)
    asked: list[tuple[str, Any]] = []
    for number in range(40):
        if number % 2:
            asked.append(("topic", draw.choices(TOPICS, k=draw.randint(1, 9))))
        else:
            asked.append(("pair", draw.choices(PAIRS, k=draw.randint(1, 5))))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: ask(client, *each), asked))
    for (task, rows), answer in zip(asked, answers, strict=True):
        check(answer, predictor, task, rows)
    counts = {
        line.split(" ")[0]: float(line.split(" ")[-1])
        for line in client.get("/metrics").text.splitlines()
        if not line.startswith("#")
    }
    assert counts["pet_mtl_batch_rows_count"] < 40  # some went together
    assert counts["pet_mtl_batch_rows_sum"] == sum(len(rows) for _, rows in asked)
    assert counts['pet_mtl_rows_total{model="first",task="pair"}'] == sum(
        len(rows) for task, rows in asked if task == "pair"
    )
    assert counts['pet_mtl_requests_total{path="/v1/predict",status="200"}'] == 40


def test_top_k(client: Any) -> None:
    whole = ask(client, "topic", ["一条"]).json()["predictions"][0]
    for k in (1, 2, 3, 99):
        found = ask(client, "topic", ["一条"], top_k=k).json()["predictions"][0]
        assert list(found["probabilities"].items()) == list(whole["probabilities"].items())[:k]
        assert (found["label"], found["probability"]) == (whole["label"], whole["probability"])


def test_no_rows(client: Any) -> None:
    assert ask(client, "topic", []).json() == {"task": "topic", "predictions": []}


def test_tasks(client: Any) -> None:
    topic, pair = client.get("/v1/tasks").json()["tasks"]
    assert topic == {
        "task": "topic",
        "model": "first",
        "description": "topics",
        "fields": ["title"],
        "labels": {"news": ["闻"], "sport": ["体", "育"], "tech art": ["科"]},
    }
    assert (pair["task"], pair["fields"]) == ("pair", ["one", "two"])


def test_probes_and_openapi(client: Any) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}
    api = client.get("/openapi.json").json()
    assert set(api["paths"]) == {"/health", "/ready", "/metrics", "/v1/tasks", "/v1/predict"}
    body = api["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]) == {"task", "rows", "top_k", "model"}
    assert {"413", "422", "429"} <= set(api["paths"]["/v1/predict"]["post"]["responses"])
    assert client.get("/docs").status_code == 404  # it would load scripts from another site


def error_of(answer: Any, status: int, code: str) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error["code"] == code, error
    assert error["request_id"] == answer.headers["x-request-id"]
    assert error["message"]
    return dict(error)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[" * 50_000, "invalid_json"),
        (b'{"task":"topic","rows":["\\ud800"]}', "invalid_json"),
        (b"[]", "bad_request"),
        (b"null", "bad_request"),
        (b'{"task":"topic"}', "bad_request"),
        (b'{"rows":[]}', "bad_request"),
        (b'{"task":7,"rows":[]}', "bad_request"),
        (b'{"task":"topic","rows":"text"}', "bad_request"),
        (b'{"task":"topic","rows":{"0":"a"}}', "bad_request"),
        (b'{"task":"topic","rows":[],"top_k":0}', "bad_request"),
        (b'{"task":"topic","rows":[],"top_k":1.5}', "bad_request"),
        (b'{"task":"topic","rows":[],"top_k":true}', "bad_request"),
        (b'{"task":"topic","rows":[],"topk":1}', "bad_request"),
        (b'{"task":"topic","rows":[1]}', "bad_row"),
        (b'{"task":"topic","rows":["a",null]}', "bad_row"),
        (b'{"task":"topic","rows":[["a"]]}', "bad_row"),
        (b'{"task":"topic","rows":[{"title":5}]}', "bad_row"),
        (b'{"task":"topic","rows":[{}]}', "missing_field"),
        (b'{"task":"topic","rows":[{"text":"a"}]}', "missing_field"),
        (b'{"task":"pair","rows":["a"]}', "missing_field"),
        (b'{"task":"pair","rows":[{"one":"a"}]}', "missing_field"),
        (b'{"task":"none","rows":["a"]}', "unknown_task"),
        (b'{"task":"topic","rows":["a"],"model":"x"}', "unknown_model"),
    ],
)
def test_wrong_bodies(client: Any, body: bytes, code: str) -> None:
    error_of(client.post("/v1/predict", content=body), 422, code)


def test_mistakes_by_the_thousand_are_not_listed(client: Any) -> None:
    unknown = {str(number): 1 for number in range(2000)}
    answer = client.post("/v1/predict", json={"task": "topic", "rows": [], **unknown})
    error_of(answer, 422, "bad_request")
    assert "the body has 2,000 mistakes" in answer.text
    with pytest.raises(ValidationError) as caught:  # one row, neither a text nor an object
        PredictRequest.model_validate({"task": "topic", "rows": [1] * 2000})
    assert caught.value.error_count() == 2


def test_limits(open_client: Callable[..., Any]) -> None:
    client = open_client(limits=Limits(body=2000, rows=3, length=50))
    assert ask(client, "topic", ["好"] * 3).status_code == 200
    error_of(ask(client, "topic", ["好"] * 4), 422, "too_many_rows")
    assert ask(client, "topic", ["好" * 50]).status_code == 200
    error_of(ask(client, "topic", ["好" * 51]), 422, "text_too_long")
    error_of(ask(client, "topic", ["a" * 2000]), 413, "body_too_large")
    error_of(client.post("/v1/predict", content=iter([b"a" * 900] * 3)), 413, "body_too_large")
    assert ask(client, "topic", ["好"]).status_code == 200


def test_a_body_may_be_larger_than_what_is_read_of_one_that_is_too_large(
    open_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pet_mtl.serving.body._READ_ON", 100)
    client = open_client(limits=Limits(body=2000))
    assert ask(client, "topic", ["好"] * 50).status_code == 200
    error_of(ask(client, "topic", ["a" * 2000]), 413, "body_too_large")


def test_a_full_queue_and_an_answer_that_takes_too_long(
    open_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from pet_mtl.serving import batcher, rows

    go = threading.Event()

    def slow(jobs: list[Job]) -> Any:
        go.wait(10)
        return rows.score_jobs(jobs)

    monkeypatch.setattr(
        batcher.Batcher.__init__,
        "__kwdefaults__",
        {**batcher.Batcher.__init__.__kwdefaults__, "score": slow},
    )
    client = open_client(limits=Limits(queue=4, answer_seconds=1.0), wait=0.0)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(client, "topic", ["好"] * 2), range(8)))
        go.set()
    codes = sorted(answer.status_code for answer in answers)
    assert set(codes) == {429, 504}, codes
    full = next(answer for answer in answers if answer.status_code == 429)
    error_of(full, 429, "queue_full")
    assert full.headers["retry-after"] == "1"
    assert ask(client, "topic", ["好"]).status_code == 200  # what was given up holds nothing up


def test_several_checkpoints(open_client: Callable[..., Any], made: Path, checkpoint: Path) -> None:
    client = open_client(made, checkpoint)
    assert [each["model"] for each in client.get("/v1/tasks").json()["tasks"]] == [
        "first",
        "first",
        "first-2",
        "first-2",
    ]
    error_of(ask(client, "topic", ["好"]), 422, "which_model")
    answer = ask(client, "topic", ["好"], model="first-2")
    assert (answer.status_code, answer.headers["x-model"]) == (200, "first-2")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("新闻", "%E6%96%B0%E9%97%BB"),
        ("a b+c&=~", "a b+c&=~"),
        ("50%", "50%25"),
        ("a\nb", "a%0Ab"),
    ],
)
def test_the_header_holds_any_name(
    open_client: Callable[..., Any], checkpoint: Path, name: str, header: str
) -> None:
    folder = checkpoint.parent.rename(checkpoint.parents[1] / name)
    answer = ask(open_client(folder / "checkpoint"), "topic", ["好"], model=name)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-model"] == header


def test_wrong_paths_and_methods(client: Any) -> None:
    error_of(client.get("/nothing"), 404, "not_found")
    error_of(client.get("/v1/predict"), 405, "bad_method")
    error_of(client.post("/health"), 405, "bad_method")


def test_logs_hold_ids_but_no_texts(
    open_client: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    client = open_client()
    client.post(
        "/v1/predict",
        json={"task": "topic", "rows": ["秘密的新闻"]},
        headers={"X-Request-Id": "my-id.7"},
    )
    ask(client, "topic", [{"秘密": "a"}])
    ask(client, "秘密", ["a"])
    client.get("/秘密?q=秘密")
    shown = capsys.readouterr().err
    assert "my-id.7 POST /v1/predict 200" in shown
    assert "topic 1 rows" in shown
    assert shown.count("/v1/predict 422") == 2
    assert "GET other 404" in shown
    assert "秘密" not in shown
    answer = client.get("/health", headers={"X-Request-Id": "a b\x0b"})
    assert answer.headers["x-request-id"] != "a b\x0b"
    loud = open_client(log_texts=True)
    ask(loud, "topic", ["公开\x1b[31m"])
    assert "公开\\x1b[31m" in capsys.readouterr().err


def test_answers_may_not_be_framed_sniffed_or_kept(client: Any) -> None:
    for answer in (client.get("/v1/tasks"), client.get("/nothing")):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers


def test_a_failure_inside_says_nothing_of_the_row(
    open_client: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pet_mtl.serving import rows

    def fail(*arguments: Any) -> Any:
        raise ValueError("秘密")

    client = open_client()
    monkeypatch.setattr(rows, "task_log_probs", fail)
    error_of(ask(client, "topic", ["秘密"]), 500, "internal")
    assert "秘密" not in capsys.readouterr().err
    monkeypatch.undo()
    assert ask(client, "topic", ["好"]).status_code == 200


def test_malformed_bodies_get_a_clear_error_and_break_nothing(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Valid bodies with bytes changed, cut out or doubled; and values of wrong types."""
    draw = random.Random(11)
    good = json.dumps(
        {"task": "topic", "rows": ["一条新闻", {"title": "体育"}], "top_k": 2}, ensure_ascii=False
    ).encode()
    values: list[Any] = [None, 0, -1, 1.5, True, "", "topic", [], {}, [[]], [{}], "好", 10**30]
    statuses: dict[int, int] = {}
    for number in range(400):
        if number % 4 == 0:
            body = json.dumps(
                {
                    key: draw.choice(values)
                    for key in ("task", "rows", "top_k")
                    if draw.random() < 0.9
                }
            ).encode()
        else:
            piece = bytearray(good)
            for _ in range(draw.randint(1, 6)):
                at = draw.randrange(len(piece))
                kind = draw.randrange(3)
                if kind == 0:
                    piece[at] = draw.randrange(256)
                elif kind == 1:
                    del piece[at : at + draw.randint(1, 8)]
                else:
                    piece[at:at] = piece[at : at + draw.randint(1, 8)]
                if not piece:
                    break
            body = bytes(piece)
        answer = client.post("/v1/predict", content=body)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        if answer.status_code != 200:
            assert answer.json()["error"]["message"]
    assert set(statuses) <= {200, 422}, statuses
    assert statuses[422] > 200
    assert "error:" not in capsys.readouterr().err
    assert client.get("/ready").status_code == 200
