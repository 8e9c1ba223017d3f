"""Learned pieces, verbalizers and pattern weights through training, resuming and scoring."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import state_of, weights_in

import pet_mtl
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.checkpoint_scores import score_checkpoints, score_models
from pet_mtl.scoring.loaded import with_verbalizers
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.outputs import stored_suite
from pet_mtl.storage.own_weights import OWN_FILE
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

KINDS = {
    "soft-pieces": [
        'tasks.colour.patterns=["{soft:3}{mask}文：{text}{soft:1}"]',
        'tasks.pair.patterns=["{one}{soft:2}{mask}{two}"]',
    ],
    "weighted": ["tasks.mood.verbalizer_kind=weighted", "tasks.mood.pattern_weights=learned"],
    "knowledgeable": [
        "tasks.mood.verbalizer_kind=knowledgeable",
        "tasks.mood.pattern_weights=accuracy",
    ],
    "soft": ["tasks.mood.verbalizer_kind=soft", "tasks.pair.verbalizer_kind=soft"],
    "prototypical": ["tasks.mood.verbalizer_kind={name: prototypical, size: 8}"],
    "cln": [
        "method={name: cln, size: 8}",
        'tasks.colour.patterns=["{soft:3}{mask}{text}"]',
        "tasks.mood.verbalizer_kind=soft",
    ],
}
SETTINGS = ["train.max_steps=8", "train.evaluate_every=4", "train.dropout=0.2"]


@pytest.fixture
def make(suite_file: Path) -> Callable[..., Suite]:
    return lambda kind, *more: load_suite(suite_file, overrides=[*SETTINGS, *KINDS[kind], *more])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", KINDS)
def test_training_scoring_and_prediction_agree(
    make: Callable[..., Suite], tmp_path: Path, kind: str, precision: str
) -> None:
    result = train(make(kind, f"train.precision={precision}"), tmp_path / "run")
    (scored,) = score_checkpoints([tmp_path / "run" / "checkpoint"])
    assert scored.tasks == result.scores
    assert scored.parameters == result.parameters
    assert (
        result.parameters.task_specific
        == sum(
            value.numel()
            for name, value in load_file(tmp_path / "run" / "checkpoint" / OWN_FILE).items()
            if ".norms." not in name
        )
        or kind == "knowledgeable"
    )
    assert weights_in(tmp_path / "run" / "checkpoint")  # an ordinary masked language model
    (prediction,) = pet_mtl.load(tmp_path / "run" / "checkpoint").predict(
        [{"one": "山庚", "two": "水辛"}]
    )
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["soft-pieces", "knowledgeable", "prototypical"])
def test_a_stopped_run_ends_as_an_unbroken_one(
    make: Callable[[str], Suite], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(make(kind), tmp_path / "unbroken")
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    with monkeypatch.context() as patch:
        stop_at_step(patch)(5)
        with pytest.raises(Interrupted, match="stopped after step 5 of 8"):
            train(make(kind), tmp_path / "run")
    suite = make(kind) if kind != "prototypical" else stored_suite(tmp_path / "run")
    train(suite, tmp_path / "run", resume=True)
    found, wanted = state_of(tmp_path / "run"), state_of(tmp_path / "unbroken")
    assert any(OWN_FILE in name for name in wanted)
    assert_same_state(found, wanted)


def test_score_shows_each_pattern_of_tasks_with_several(
    make: Callable[[str], Suite], tmp_path: Path
) -> None:
    train(make("weighted"), tmp_path / "run")
    (scored,) = score_checkpoints([tmp_path / "run" / "checkpoint"])
    tasks = json.loads(json.dumps(scored.to_json()))["tasks"]
    assert {name for name, task in tasks.items() if "patterns" in task} == {"mood"}
    patterns = tasks["mood"]["patterns"]
    assert [one["pattern"] for one in patterns["each"]] == ["{text}。{mask}!", "{mask}：{text}"]
    values = [one["macro_f1"] for one in patterns["each"]]
    assert patterns["spread"]["macro_f1"] == pytest.approx(max(values) - min(values))


def test_without_training_learned_parts_are_left_out(
    make: Callable[[str], Suite], suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    colour = suite.tasks["colour"].model_copy(update={"patterns": ("{mask}文：{text}",)})
    plain = suite.model_copy(update={"tasks": {"colour": colour}})
    soft = make("soft-pieces")
    soft = soft.model_copy(update={"tasks": {"colour": soft.tasks["colour"]}})
    (wanted,) = score_models([suite.model], plain)
    (found,) = score_models([suite.model], soft)
    assert found.tasks == wanted.tasks
    assert ("colour: without `{soft:…}`, which only training gives") in capsys.readouterr().err


def test_other_words_do_not_fit_a_learned_verbalizer(
    make: Callable[[str], Suite], tmp_path: Path
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("up  喜\ndown  悲\n", encoding="utf-8")
    with pytest.raises(PetMtlError, match="what it learned belongs to its own label words"):
        with_verbalizers(make("weighted"), {"mood": words})


def test_another_kind_is_another_run(make: Callable[[str], Suite], tmp_path: Path) -> None:
    train(make("weighted"), tmp_path / "run")
    with pytest.raises(PetMtlError, match=r"`tasks\.mood\.verbalizer_kind\.name`"):
        train(make("soft"), tmp_path / "run", resume=True)
