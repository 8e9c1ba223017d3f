"""A model as it is: the same predictions by the command line, Python, and the checkpoint that it
makes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pet_mtl
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.zero_shot import load_untrained
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.suite.suite import load_suite

Call = Callable[..., Any]
TEXTS = ["好天气", "坏天气", "新闻好", "不是好的"]
FILE = """\
version: 1
model: {model}
tasks:
  mood:
    patterns: "{{mask}}。{{text}}"
    verbalizer: {{up: 好, down: [坏, 不是]}}
    columns: {{text: 0}}
    data: {{unlabelled: texts.txt}}
train: {{max_length: 32}}
"""


@pytest.fixture
def patterns(backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pattern file of a task without labelled rows, in the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    Path("mood.yaml").write_text(FILE.format(model=backbone), encoding="utf-8")
    return Path("mood.yaml")


def probabilities(ran: Any) -> Any:
    assert ran.code == 0, ran.err
    return np.array([[row["probabilities"][name] for name in ("up", "down")] for row in rows(ran)])


def rows(ran: Any) -> list[Any]:
    return list(json.loads(ran.out)["predictions"])


@pytest.mark.parametrize("calibration", [None, "none", "contextual"])
def test_every_door_says_the_same(
    call: Call, backbone: Path, patterns: Path, calibration: Any
) -> None:
    asked = [] if calibration is None else ["--calibration", calibration]
    form = ["--json", "--probabilities", *TEXTS]
    found = probabilities(call("predict", backbone, "--patterns", patterns, *asked, *form))
    model = pet_mtl.load(str(backbone), patterns, calibration)
    np.testing.assert_allclose(found, model.predict_proba(TEXTS), atol=2e-6)
    model.save("by-python")
    made = call("checkpoint", backbone, "--patterns", patterns, *asked, "--out", "by-command")
    assert made.out == "by-command\n"
    for folder in ("by-python", "by-command"):
        np.testing.assert_array_equal(probabilities(call("predict", folder, *form)), found)
        again = pet_mtl.load(folder)
        np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    known = read_checkpoint(Path("by-command"))
    assert repr(known).replace("by-command", "by-python") == repr(
        read_checkpoint(Path("by-python"))
    )
    assert {of.kind for of in known.calibration.values()} == {calibration or "prior"} - {"none"}


def test_shared_slots_are_warned_of(call: Call, backbone: Path, patterns: Path) -> None:
    """They are learned; of a checkpoint's folder it is not known what it was trained with."""
    shared = ["--patterns", patterns, "-s", "tasks.mood.slots=2", "好"]
    assert "warning: mood: `slots: 2` means little" in call("predict", backbone, *shared).err
    assert call("checkpoint", backbone, "--patterns", patterns, "--out", "made").code == 0
    assert "means little" not in call("predict", "made", *shared).err


def test_texts_that_the_model_cannot_read_are_told(
    call: Call, backbone: Path, patterns: Path
) -> None:
    lost = call("predict", backbone, "--patterns", patterns, *["ㅁㄴㅇ라마"] * 4)
    assert "warning: mood: " in lost.err
    assert "warning" not in call("predict", backbone, "--patterns", patterns, *TEXTS).err


def test_a_file_of_texts_is_predicted(call: Call, backbone: Path, patterns: Path) -> None:
    data = ["--data", "mood=texts.txt", "--out", "out"]
    assert call("predict", backbone, "--patterns", patterns, *data).code == 0
    lines = Path("out/mood.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(TEXTS)


def test_other_words(call: Call, backbone: Path, patterns: Path) -> None:
    Path("mine.txt").write_text("up 新\ndown 中\n", encoding="utf-8")
    words = ["--verbalizer", "mood=mine.txt"]
    ran = call("predict", backbone, "--patterns", patterns, *words, "--json", *TEXTS)
    assert {row["word"] for row in rows(ran)} <= {"新", "中"}


def test_the_card_of_a_model_as_it_is(call: Call, backbone: Path, patterns: Path) -> None:
    assert call("checkpoint", backbone, "--patterns", patterns, "--out", "made").code == 0
    card = Path("made/README.md").read_text(encoding="utf-8")
    assert "it was not trained on them" in card
    for of_training in ("fine-tuned", "learning rate", "| training rows"):
        assert of_training not in card
    assert "| calibration | `prior`, fitted on 4 rows |" in card
    assert read_checkpoint(Path("made")).metrics == {"step": 0}


def test_no_checkpoint_of_words_that_the_model_cannot_write(
    call: Call, backbone: Path, patterns: Path
) -> None:
    """Nor where no calibration reads them."""
    patterns.write_text(patterns.read_text(encoding="utf-8").replace("好", "😀"), encoding="utf-8")
    plain = ["--patterns", patterns, "--calibration", "none"]
    ran = call("checkpoint", backbone, *plain, "--out", "made")
    assert ran.code == 2
    assert "cannot write the label word" in ran.err
    assert not Path("made").exists()
    with pytest.raises(PetMtlError, match="cannot write the label word"):
        pet_mtl.load(str(backbone), patterns, "none").save("made")


def test_a_checkpoint_saves_itself(call: Call, backbone: Path, patterns: Path) -> None:
    """With the calibration that it was loaded with."""
    assert call("checkpoint", backbone, "--patterns", patterns, "--out", "made").code == 0
    model = pet_mtl.load("made", calibration="none")
    again = pet_mtl.load(model.save("copy"))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert read_checkpoint(Path("copy")).calibration == {}
    with pytest.raises(PetMtlError, match="the output folder is not empty") as caught:
        model.save("copy")
    assert "--out" not in str(caught.value)


def test_it_starts_a_training(call: Call, backbone: Path, patterns: Path) -> None:
    """A checkpoint of no step is a backbone like any other."""
    assert call("checkpoint", backbone, "--patterns", patterns, "--out", "made").code == 0
    task = pet_mtl.Task("mood", {"a": "好", "b": "坏"}, "{mask}。{text}", (TEXTS, [*"abab"]))
    run = pet_mtl.train([task], "made", "run", max_steps=1, max_length=32)
    assert read_checkpoint(Path(run.checkpoint)).metrics["step"] == 1


def test_what_is_refused(call: Call, backbone: Path, patterns: Path) -> None:
    shards = ["--data", "mood=texts.txt", "--out", "out", "--shard-rows", "2"]
    ran = call("predict", backbone, "--patterns", patterns, *shards)
    assert ran.code == 2
    assert "make one: pet-mtl checkpoint MODEL --patterns FILE --out DIR" in ran.err
    shards[1] = "texts=texts.txt"
    ran = call("predict", backbone, "--labels", "好,坏", *shards)
    assert "make one: pet-mtl checkpoint MODEL --labels NAME,… --out DIR" in ran.err
    Path("full").mkdir()
    Path("full/file").touch()
    ran = call("checkpoint", "no-such-model", "--patterns", patterns, "--out", "full")
    assert ran.code == 2
    assert "the output folder is not empty" in ran.err
    ran = call("train", "--patterns", patterns, "--out", "run")
    assert ran.code == 2
    assert "task `mood` has no training rows" in ran.err
    ran = call("score", backbone, "--patterns", patterns, "--data", "mood=texts.txt")
    assert ran.code == 2
    assert "task `mood` names no column for the labels" in ran.err
    with pytest.raises(PetMtlError, match="`method: heads` predicts nothing before it is trained"):
        load_untrained(load_suite(patterns, method="heads"))
    text = patterns.read_text(encoding="utf-8")
    for data, message in (
        ("{}", "to predict only, `unlabelled: texts.txt`"),
        ("{unlabelled: []}", "`tasks.mood.data.train` is missing"),
        ("{unlabelled: texts.txt, dev: {split: 0.1}}", "`train` names no file"),
        ("{unlabelled: texts.txt, dev: dev.tsv}", "no `label` column"),
    ):
        patterns.write_text(text.replace("{unlabelled: texts.txt}", data), encoding="utf-8")
        with pytest.raises(PetMtlError, match=message):
            load_suite(patterns)


def test_tasks_of_a_pattern_file_are_not_called_a_checkpoint_s(
    call: Call, backbone: Path, patterns: Path
) -> None:
    text = patterns.read_text(encoding="utf-8")
    task = text[text.index("  mood:") : text.index("train: {max_length")]
    patterns.write_text(text.replace(task, task + task.replace("mood", "other")), encoding="utf-8")
    ran = call("predict", backbone, "--patterns", patterns, "好")
    assert ran.code == 2
    assert "error: --task: there are several tasks: `mood`, `other`" in ran.err
