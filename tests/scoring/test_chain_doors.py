"""A task that reads another's prediction gets the same scores through every door."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from called import Call
from chained_toys import write_chained

import pet_mtl
from pet_mtl.data.rows import Rows
from pet_mtl.model.calibration import Calibration
from pet_mtl.scoring.loaded import LoadedCheckpoint, valid_calibration, with_verbalizers
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.suite.suite import load_suite
from pet_mtl.training.run import train

SHORT = ["train.max_steps=6", "train.evaluate_every=3", "train.dropout=0.1"]
TEXTS = ["山丁甲", "乙水己", "丙火", "戊土金日月天地甲", "己"]
Probabilities = dict[str, float]


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory, toy_backbone: Path) -> Path:
    return write_chained(tmp_path_factory.mktemp("chained"), toy_backbone)


@pytest.fixture(scope="module")
def checkpoint(chained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    train(load_suite(chained, overrides=SHORT), out)
    return out / "checkpoint"


@pytest.fixture(scope="module")
def expected(checkpoint: Path) -> list[Probabilities]:
    """What the model says of the texts."""
    loaded = LoadedCheckpoint(checkpoint)
    found = np.exp(loaded.log_probs({"mood": Rows.of({"text": TEXTS})})["mood"])
    return [dict(zip(("up", "down"), row.tolist(), strict=True)) for row in found]


def same(found: list[Probabilities], expected: list[Probabilities]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=2e-5)


def rows_file(folder: Path) -> Path:
    file = folder / "rows.tsv"
    file.write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    return file


def test_python(checkpoint: Path, expected: list[Probabilities]) -> None:
    predictions = pet_mtl.load(checkpoint).predict(TEXTS, task="mood")
    same([one.probabilities for one in predictions], expected)


@pytest.mark.parametrize("more", [[], ["--shard-rows", "2"]])
def test_files(
    checkpoint: Path,
    expected: list[Probabilities],
    call: Call,
    tmp_path: Path,
    more: list[str],
) -> None:
    out, file = tmp_path / "out", rows_file(tmp_path)
    ran = call(
        "predict", checkpoint, "--data", f"mood={file}", "--out", out, "--probabilities", *more
    )
    assert ran.code == 0, ran.err
    files = sorted(out.rglob("*.jsonl"))
    assert len(files) == (3 if more else 1)
    lines = [json.loads(line) for each in files for line in each.read_text("utf-8").splitlines()]
    same([line["probabilities"] for line in lines], expected)


def test_texts(checkpoint: Path, expected: list[Probabilities], call: Call) -> None:
    ran = call("predict", checkpoint, *TEXTS, "--task", "mood", "--probabilities", "--json")
    same([one["probabilities"] for one in ran.json["predictions"]], expected)


def test_serve(checkpoint: Path, expected: list[Probabilities]) -> None:
    pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
    from fastapi.testclient import TestClient

    from pet_mtl.serving.app import create_app
    from pet_mtl.serving.models import Models

    with TestClient(create_app(Models((checkpoint,))), base_url="http://127.0.0.1:8000") as client:
        answer = client.post("/v1/predict", json={"task": "mood", "rows": TEXTS})
    same([one["probabilities"] for one in answer.json()["predictions"]], expected)


def test_words_are_tried_as_score_scores(
    checkpoint: Path, chained: Path, call: Call, tmp_path: Path
) -> None:
    scored = call("score", checkpoint, "--json").json["checkpoints"][0]["tasks"]
    tried = call("words", "try", "--model", checkpoint, "--cache", tmp_path / "c", "--json")
    assert tried.code == 0, tried.err
    for task in ("colour", "mood"):
        (own,) = tried.json["tasks"][task]
        assert own["macro_f1"] == pytest.approx(scored[task]["macro_f1"])
    other = tmp_path / "other.txt"
    other.write_text("up  同喜\ndown  悲 悲伤\n", encoding="utf-8")
    words = [f"mood={other}"]
    ran = call("words", "try", "--model", checkpoint, "--verbalizer", *words, "--json")
    (found,) = ran.json["tasks"]["mood"]
    score = call("score", checkpoint, "--verbalizer", *words, "--json").json["checkpoints"][0]
    assert found["macro_f1"] == pytest.approx(score["tasks"]["mood"]["macro_f1"])


def test_without_training(chained: Path, toy_backbone: Path, call: Call, tmp_path: Path) -> None:
    from pet_mtl.words.loaded import load
    from pet_mtl.words.try_words import WordTrial

    told = ["--patterns", chained, "-s", "tasks.mood.calibration=none"]
    scored = call("score", toy_backbone, *told, "--json").json["checkpoints"][0]["tasks"]["mood"]
    trial = WordTrial(load(chained, None), {"mood": []}, place=tmp_path)
    task, rows = trial.loaded.suite.tasks["mood"], trial.trial.rows["mood"]
    log_probs = trial.trial.log_probs(task)
    right = np.mean(log_probs.argmax(-1) == rows.labels)
    assert right == pytest.approx(scored["accuracy"])


def test_words_check_and_suggest(chained: Path, call: Call, tmp_path: Path) -> None:
    ran = call("words", "check", "--patterns", chained, "--json")
    priors = [label["prior"] for label in ran.json["tasks"]["mood"]["labels"].values()]
    assert (ran.code, sum(priors)) == (0, pytest.approx(1.0, abs=1e-4)), ran.err
    ran = call("words", "suggest", "mood", "--patterns", chained, "--json", "--cache", tmp_path)
    assert ran.code == 0, ran.err


def test_the_studio(checkpoint: Path, expected: list[Probabilities], tmp_path: Path) -> None:
    from pet_mtl.errors import PetMtlError
    from pet_mtl.studio.jobs import Jobs
    from pet_mtl.studio.schema import OneRow
    from pet_mtl.studio.session import Session
    from pet_mtl.words.loaded import load

    loaded = load(None, str(checkpoint))
    session = Session(loaded, "mood", stored=True, place=tmp_path)
    words = {"up": ["喜", "同喜"], "down": ["悲伤"]}
    jobs = Jobs()

    def inspect(text: str, **more: Any) -> Any:
        asked = OneRow(words=words, fields={"text": text}, **more)
        job = jobs.start("one", lambda job: session.inspect(asked, job))
        job.wait(60)
        return job.to_json()

    found = [inspect(text)["result"] for text in TEXTS]
    same(
        [{each["label"]: each["probability"] for each in one["labels"]} for one in found], expected
    )
    said = LoadedCheckpoint(checkpoint).raw_log_probs({"colour": Rows.of({"text": TEXTS})})
    for one, label in zip(found, said["colour"].argmax(-1), strict=True):
        pieces = "".join(piece["text"] for piece in one["patterns"][0]["prompts"][0]["pieces"])
        assert "红绿蓝"["rgb".index("rbg"[label])] in pieces.split("。")[0]
    patterns = ["{task:mood}{text}{mask}", "{mask}：{text}"]
    wrong = inspect("山", patterns=patterns, prefix="")
    assert "names no task before this one" in json.dumps(wrong)
    with pytest.raises(PetMtlError, match="names no task before this one"):
        session.check(OneRow(words=words, patterns=["{task:nobody}{mask}{text}"], prefix=""))


def test_data_check_keeps_room_for_the_words(chained: Path, toy_backbone: Path, call: Call) -> None:
    from pet_mtl.audit.lengths import check_lengths
    from pet_mtl.audit.parts import load_parts
    from pet_mtl.storage.pretrained import load_pieces

    tokenizer, tokens = load_pieces(str(toy_backbone)), []
    for word in ("红", "红红红红红"):
        suite = load_suite(
            chained, overrides=[f'tasks.colour.verbalizer={{"r": {word}, "b": 蓝, "g": 绿}}']
        )
        (part,) = (part for part in load_parts(suite) if part.title == "mood/train")
        figures, _ = check_lengths(part, tokenizer, 32, suite.tasks)
        tokens.append(figures["tokens"]["max"])
    assert tokens[1] == tokens[0] + 4
    ran = call("data", "check", "--patterns", chained, "--model", toy_backbone, "--json")
    assert ran.json["tasks"]["mood"]["train"]["tokens"]["max"] == tokens[0]


def test_calibrations(checkpoint: Path, call: Call) -> None:
    for kind in ("contextual", "pmi", "prior"):
        ran = call("score", checkpoint, "--calibration", kind, "--json")
        assert ran.code == 0, ran.err
        shown = ran.json["checkpoints"][0]["tasks"]["mood"]["calibration"]
        assert shown["kind"] == kind


def test_other_words_of_the_task_that_is_read_make_a_bias_wrong(
    checkpoint: Path, tmp_path: Path
) -> None:
    read = read_checkpoint(checkpoint)
    biases = {
        "colour": Calibration(kind="prior", bias=(0.1, 0.2, 0.3), rows=9),
        "mood": Calibration(kind="prior", bias=(0.1, 0.2), rows=9),
    }
    stored = replace(read, calibration=biases)
    words = read.suite.tasks["colour"].verbalizer.words
    file = tmp_path / "colour.txt"
    for order, valid in (((0, 1, 2), ["colour", "mood"]), ((1, 0, 2), [])):
        lines = (f"{label} {words[at][0]}\n" for label, at in zip("rbg", order, strict=True))
        file.write_text("".join(lines), encoding="utf-8")
        suite = with_verbalizers(read.suite, {"colour": file})
        assert sorted(valid_calibration(stored, suite)) == valid
    file.write_text("up 蓝\ndown 红\n", encoding="utf-8")
    suite = with_verbalizers(read.suite, {"mood": file})
    assert list(valid_calibration(stored, suite)) == ["colour"]


@pytest.mark.slow
def test_compare_and_distill(chained: Path, call: Call, tmp_path: Path) -> None:
    few = ["-s", "train.max_steps=2", "-s", "train.evaluate_every=9"]
    told = ["--patterns", chained, *few]
    ran = call("compare", *told, "--methods", "pet,cln", "--seeds", "1", "--out", tmp_path / "c")
    assert ran.code == 0, ran.err
    ran = call("compare", *told, "--methods", "pet", "--single-task", "--out", tmp_path / "a")
    assert (ran.code, "compare without `--single-task`" in ran.err) == (2, True), ran.err
    ran = call("compare", *told, "--methods", "pet,heads", "--out", tmp_path / "heads")
    assert (ran.code, "toy.yaml:11" in ran.err) == (2, True), ran.err
    ran = call("distill", *told, "--out", tmp_path / "d")
    assert (ran.code, "models of all tasks: `--from multi`" in ran.err) == (2, True), ran.err
    ran = call(
        "distill", *told, "--from", "multi", "--to", "multi", "--no-alone", "--folds", "2", "--out",
        tmp_path / "d", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    (student,) = ran.json["students"]
    (scored,) = call("score", student, "--json").json["checkpoints"]
    assert "mood" in scored["tasks"]


def test_what_cannot_hold_a_chain(
    checkpoint: Path, chained: Path, call: Call, tmp_path: Path
) -> None:
    for to in ("onnx", "transformers"):
        ran = call("export", checkpoint, "--task", "mood", "--format", to, "--out", tmp_path / to)
        assert (ran.code, "holds what `colour` predicts" in ran.err) == (2, True), ran.err
        assert "pet-mtl serve" in ran.err
    assert not list(tmp_path.iterdir())


def test_several_processes(checkpoint: Path, expected: list[Probabilities], tmp_path: Path) -> None:
    from processes import run_together

    script = (
        "import json, sys\nimport pet_mtl.scoring.log_probs as log_probs\n"
        "log_probs.SCORE_TOKENS = 30\nfrom pet_mtl.__main__ import main\n"
        "sys.argv = ['pet-mtl', *json.loads(sys.argv[1])]\nmain()\n"
    )
    out, file = tmp_path / "out", rows_file(tmp_path)
    told = ["predict", str(checkpoint), "--data", f"mood={file}", "--out", str(out)]
    done = run_together(2, script, json.dumps([*told, "--probabilities"]))
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    lines = (out / "mood.jsonl").read_text("utf-8").splitlines()
    same([json.loads(line)["probabilities"] for line in lines], expected)
