"""A causal model behind every door: what trains and scores, and what says why it cannot."""

import json
import shutil
from pathlib import Path
from typing import Any

import causal_toys
import numpy as np
import pytest
import torch
from stopped_runs import assert_same_state, read_state, stop_at_step
from toy_runs import CHARACTERS, write_suite

import pet_mtl
from pet_mtl.cloze.word_tree import word_tree
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.pretrained import load_backbone
from pet_mtl.suite.suite import load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

SHORT = ["train.max_steps=8", "train.evaluate_every=4", "train.dropout=0.1"]
TURNED = {
    '"{mask}文：{text}"': '"{text}。{mask}"',
    '"{text}。{mask}!"': '"{text}。{mask}"',
    '"{mask}：{text}"': '"文：{text}{mask}"',
    '"{one}？{mask}，{two}"': '"{one}？{two}，{mask}"',
}
TEXTS = ["山丁戊水", "己火", "", "天地" * 30]


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpt2")
    causal_toys.write_gpt2(folder, CHARACTERS, initializer_range=0.1)
    return folder


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, gpt2: Path) -> Path:
    folder = tmp_path_factory.mktemp("causal")
    write_suite(folder, gpt2)
    text = (folder / "toy.yaml").read_text(encoding="utf-8")
    for old, new in TURNED.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "toy.yaml").write_text(text, encoding="utf-8")
    return folder / "toy.yaml"


@pytest.fixture(scope="module")
def run(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pet_mtl.report.run import report_run

    out = tmp_path_factory.mktemp("run") / "run"
    train(load_suite(file, overrides=SHORT), out, report=report_run)
    return out


def by_hand(checkpoint: Path, task: str, texts: list[str]) -> np.ndarray:
    """Return label probabilities, one forward pass for each pattern, text and word."""
    loaded = LoadedCheckpoint(checkpoint)
    mlm, pieces = load_backbone(str(checkpoint)).eval(), loaded.tokenizer
    spec, found = loaded.suite.tasks[task], []
    for text in texts:
        of_patterns = []
        for pattern in spec.patterns:
            before, behind = pattern.removesuffix("{mask}").split("{text}")
            body = pieces.encode([text])[0]
            ids = [
                *pieces.start_ids,
                *(pieces.encode([spec.prefix])[0] if spec.prefix else []),
                *(pieces.encode([before])[0] if before else []),
                *body,
                *(pieces.encode([behind])[0] if behind else []),
            ]
            of_label = []
            for words in spec.verbalizer.words:
                scores = []
                for word in pieces.encode(words):
                    with torch.no_grad():
                        logits = mlm(input_ids=torch.tensor([[*ids, *word]])).logits[0]
                    each = logits.log_softmax(-1)[len(ids) - 1 : -1]
                    scores.append(each[range(len(word)), word].mean().item())
                of_label.append(sum(scores) / len(scores))
            of_patterns.append(torch.tensor(of_label).log_softmax(-1))
        found.append(torch.stack(of_patterns).mean(0).softmax(-1).numpy())
    return np.stack(found)


def test_predictions_are_those_of_one_pass_for_each_word(run: Path) -> None:
    predictor = pet_mtl.load(run / "checkpoint")
    texts = TEXTS[:2]
    np.testing.assert_allclose(
        predictor.predict_proba(texts, task="mood"),
        by_hand(run / "checkpoint", "mood", texts),
        atol=1e-4,
    )


def test_it_is_served(run: Path) -> None:
    pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
    from fastapi.testclient import TestClient

    from pet_mtl.serving.app import create_app
    from pet_mtl.serving.models import Models

    folder = run / "checkpoint"
    with TestClient(create_app(Models([folder])), base_url="http://127.0.0.1:8000") as client:
        answer = client.post("/v1/predict", json={"task": "mood", "rows": TEXTS})
    assert answer.status_code == 200, answer.text
    wanted = pet_mtl.load(folder).predict(TEXTS, task="mood")
    for found, each in zip(answer.json()["predictions"], wanted, strict=True):
        assert found["probabilities"] == pytest.approx(each.probabilities, abs=1e-5)


def test_a_stopped_run_ends_as_an_unbroken_one(
    file: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = load_suite(file, overrides=SHORT)
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    with monkeypatch.context() as patch:
        stop_at_step(patch)(5)
        with pytest.raises(Interrupted):
            train(suite, tmp_path / "run")
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state(tmp_path / "run"), state(run))


def state(run: Path) -> dict[str, Any]:
    manifest = json.loads((run / "checkpoint" / "pet_mtl.json").read_text(encoding="utf-8"))
    return read_state(run, "checkpoint", "dev") | {"metrics": manifest["metrics"]}


def test_all_doors_open(call: Any, run: Path) -> None:
    checkpoint = run / "checkpoint"
    told = json.loads((checkpoint / "pet_mtl.json").read_text(encoding="utf-8"))
    scored = call("score", checkpoint, "--json")
    assert scored.code == 0, scored.err
    (entry,) = scored.json["checkpoints"]
    for task, of_task in told["metrics"]["tasks"].items():
        assert entry["tasks"][task]["accuracy"] == pytest.approx(of_task["accuracy"])
    predicted = call("predict", checkpoint, "山丁", "--task", "mood", "--json")
    assert predicted.json["predictions"][0]["label"] in ("up", "down")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<h3>As the model sees it</h3>" in page
    assert "[PAD]" not in page


def test_words_are_tried_and_checked(call: Any, run: Path, tmp_path: Path) -> None:
    checkpoint = run / "checkpoint"
    told = json.loads((checkpoint / "pet_mtl.json").read_text(encoding="utf-8"))["metrics"]
    tried = call("words", "try", "--model", checkpoint, "--cache", tmp_path / "c", "--json")
    assert tried.code == 0, tried.err
    for task, (entry,) in tried.json["tasks"].items():
        assert entry["accuracy"] == pytest.approx(told["tasks"][task]["accuracy"])
    checked = call("words", "check", "--model", checkpoint, "--json")
    assert checked.code == 0, checked.err
    labels = checked.json["tasks"]["mood"]["labels"]
    assert sum(label["prior"] for label in labels.values()) == pytest.approx(1)
    loaded = LoadedCheckpoint(checkpoint)
    spec = loaded.suite.tasks["mood"]
    assert word_tree(loaded.compiled.of_task("mood").words[0]).pieces
    mlm = load_backbone(str(checkpoint)).eval()
    word, each = spec.verbalizer.words[1][0], []  # the geometric mean over pieces and patterns
    for pattern in spec.patterns:
        before = pattern.replace("{text}", "").removesuffix("{mask}")
        ids = [*loaded.tokenizer.start_ids, *loaded.tokenizer.encode([before])[0]]
        pieces = loaded.tokenizer.encode([word])[0]
        with torch.no_grad():
            logits = mlm(input_ids=torch.tensor([[*ids, *pieces]])).logits[0].log_softmax(-1)
        each.append(logits[len(ids) - 1 : -1][range(len(pieces)), pieces].mean().item())
    prior = labels["down"]["words"][0]["prior"]
    assert prior == pytest.approx(np.exp(np.mean(each)), rel=1e-3)


def test_a_comparison(call: Any, file: Path, tmp_path: Path) -> None:
    done = call(
        "compare", "--patterns", file, "--methods", "pet", "--seeds", "1",
        "-s", "train.max_steps=2", "--out", tmp_path / "c", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["entries"][0]["mean_macro_f1"]["values"]
    refused = call("train", "--patterns", file, "--method", "heads", "--out", tmp_path / "h")
    assert refused.code == 2
    assert "`--method heads` needs a masked language model" in refused.err


def test_zero_shot_with_calibration(call: Any, gpt2: Path, file: Path) -> None:
    scored = call("score", gpt2, "--patterns", file, "--calibration", "contextual", "--json")
    assert scored.code == 0, scored.err
    tasks = scored.json["checkpoints"][0]["tasks"]
    assert all(task["calibration"]["kind"] == "contextual" for task in tasks.values())


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["train", "--method", "cln"], "`--method cln` needs a masked language model"),
        (["train", "-s", "train.losses.mlm.alpha=0.9"], "train.losses.mlm: `mlm` reads what a `GPT2LM"),
        (["train", "-s", "train.losses.adapet.labels=1"], "`adapet` reads what a `GPT2LM"),
        (["train", "-s", "tasks.mood.verbalizer_kind=prototypical"], "choose `manual` or `weighted`"),
        (["train", "-s", "tasks.colour.verbalizer_kind=automatic"], "search for label words"),
        (["words", "suggest", "colour"], "the search for label words needs a masked"),
        (["studio", "--no-browser"], "the studio needs a masked language model"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_so(
    call: Any, file: Path, tmp_path: Path, arguments: list[str], wanted: str
) -> None:
    out = ["--out", tmp_path / "out"] if arguments[0] == "train" else []
    done = call(*arguments, "--patterns", file, *out)
    assert done.code == 2, done.err
    assert wanted in done.err
    assert "hint:" in done.err
    assert "Traceback" not in done.err


def test_export_and_pretraining_refuse(call: Any, run: Path, gpt2: Path, tmp_path: Path) -> None:
    for to in ("onnx", "transformers"):
        done = call(
            "export", run / "checkpoint", "--task", "colour", "--format", to, "--out", tmp_path / to
        )
        assert done.code == 2
        assert "its model is causal" in done.err
    (tmp_path / "corpus.txt").write_text("山水火土\n" * 50, encoding="utf-8")
    done = call(
        "pretrain", "--model", gpt2, "--corpus", tmp_path / "corpus.txt", "--out", tmp_path / "p"
    )
    assert done.code == 2
    assert "no masked-language-model form" in done.err


def test_a_pattern_with_text_behind_its_mask(call: Any, file: Path, tmp_path: Path) -> None:
    shutil.copytree(file.parent, tmp_path / "suite")
    copy = tmp_path / "suite" / "toy.yaml"
    text = copy.read_text(encoding="utf-8")
    text = text.replace('"{text}。{mask}"', '"{text}：{mask}。"').replace(
        '"{one}？{two}，{mask}"', '"{one}？{mask}，{two}"'
    )
    copy.write_text(text, encoding="utf-8")
    done = call("train", "--patterns", copy, "--out", tmp_path / "out")
    assert done.code == 2
    for task in ("colour", "mood", "pair"):  # all of them at once
        assert f"task `{task}`" in done.err
    assert "`{text}：{mask}`" in done.err
    assert "`{two}。{one}？{mask}`" in done.err


def test_the_bundled_example(call: Any, tmp_path: Path) -> None:
    """`patterns/causal.yaml` on a random GPT-2 that knows its characters."""
    from pet_mtl.resources import bundled_pattern_file, sample_file

    texts = [
        sample_file(f"{t}/{p}") for t in ("tnews", "ocemotion", "ocnli") for p in ("train", "dev")
    ]
    texts += [
        bundled_pattern_file("causal"),
        *bundled_pattern_file("x").parent.parent.glob("verbalizers/*.txt"),
    ]
    letters = sorted(set("".join(file.read_text(encoding="utf-8") for file in texts).lower()))
    causal_toys.write_gpt2(
        tmp_path / "gpt2", [c for c in letters if not c.isspace()], n_positions=128
    )
    told = ["--patterns", "causal", "--model", tmp_path / "gpt2"]
    done = call("data", "check", *told, "--json")
    assert done.code == 0, done.err
    assert done.json["verdict"] != "error"
    assert done.json["tasks"]["tnews"]["train"]["tokens"]["max"] < 128
    done = call("words", "check", *told, "--json")
    assert (done.code, done.json["errors"]) == (0, []), done.err
    done = call(
        "train", *told, "--tasks", "ocnli", "-s", "train.max_steps=1", "--out", tmp_path / "run", "--json"
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["tasks"]["ocnli"]["examples"] == 84
