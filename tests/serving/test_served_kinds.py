"""Tasks of other kinds over HTTP and in the studio."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toy_kinds
import toys

from pet_mtl.errors import PetMtlError

ROWS: dict[str, Any] = {
    "marks": ["甲山", "乙丙"],
    "shares": ["甲山", "乙丙"],
    "alike": [{"one": "庚", "two": "庚辛"}, {"one": "庚", "two": "辛"}],
    "stars": ["丁山", "己"],
    "judged": ["丁", "壬山"],
}
WORDS = {"1": "悲", "2": "伤", "3": "喜", "up": "喜", "down": "悲", "flat": "无"}


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    characters = sorted(
        set("红蓝绿同无关悲伤喜相反文甲乙丙丁戊己庚辛壬山水火土木金日月天地。：？，!")
    )
    toys.write_bert(folder / "backbone", characters, initializer_range=0.3)
    return toy_kinds.write_kinds(folder, folder / "backbone")


@pytest.fixture(scope="module")
def of_kinds(patterns: Path) -> Path:
    from pet_mtl.scoring.loaded import LoadedModel
    from pet_mtl.storage.checkpoint import write_checkpoint
    from pet_mtl.suite.suite import load_suite

    suite = load_suite(patterns, overrides=["train.dropout=null"])
    model = LoadedModel(suite.model, suite)
    out = patterns.parent / "checkpoint"
    write_checkpoint(out, model.mlm, model.tokenizer, suite, {}, {})
    return out


def test_each_kind_is_answered_as_load_answers(
    of_kinds: Path, open_client: Callable[..., Any]
) -> None:
    import pet_mtl

    client, here = open_client(of_kinds), pet_mtl.load(of_kinds)
    api = client.get("/openapi.json").json()
    told = api["components"]["schemas"]["PredictionOut"]["properties"]
    for task, rows in ROWS.items():
        answer = client.post("/v1/predict", json={"task": task, "rows": rows})
        assert answer.status_code == 200, answer.text
        for got, own in zip(
            answer.json()["predictions"], here.predict(rows, task=task), strict=True
        ):
            assert got.keys() <= told.keys()
            assert got["label"] == own.label
            assert got["probability"] == pytest.approx(own.probability, abs=1e-6)
            assert got["probabilities"] == pytest.approx(own.probabilities, abs=1e-6)
            more = {"marks": "labels", "shares": "labels", "alike": "value"}.get(task)
            assert more is None or got[more] == pytest.approx(getattr(own, more), abs=1e-6)
            # a set and a number have no main word, also where they read as a label does
            assert got["word"] == ("" if more else WORDS[own.label])


def test_the_studio_takes_all_kinds_but_hypotheses(patterns: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
    from fastapi.testclient import TestClient

    from pet_mtl.studio.app import Choice, create_app
    from pet_mtl.words.loaded import load

    loaded = load(patterns, None)
    app = create_app(loaded, Choice(place=tmp_path))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        tasks = [each["task"] for each in client.get("/api/suite").json()["tasks"]]
        assert tasks == [name for name in loaded.suite.tasks if name != "judged"]
        task = client.get("/api/tasks/stars").json()
        edit = {name: task[name] for name in ("words", "prefix", "patterns")}
        found = client.post("/api/tasks/stars/effect", json=edit).json()
        while found["state"] == "running":
            found = client.get(f"/api/jobs/{found['job']}").json()
        assert found["result"]["rows"] == 16
        assert client.get("/api/tasks/judged").status_code == 404
    suite = loaded.suite.model_copy(update={"tasks": {"judged": loaded.suite.tasks["judged"]}})
    with pytest.raises(PetMtlError, match="no task has label words at its slots"):
        create_app(replace(loaded, suite=suite), Choice(place=tmp_path))
