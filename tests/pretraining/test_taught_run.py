"""Whole runs with a teacher: they learn from it, come back, share work, and refuse what is wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import toys
from processes import run_together
from safetensors.torch import load_file
from stopped_runs import assert_same_state, read_state, stop_at_step
from test_pretrain_processes import SCRIPT, compare
from toy_texts import CHARACTERS, SETTINGS

from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.recipe import load_recipe
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.run import pretrain
from pet_mtl.pretraining.settings import start_from
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.suite.auto import Recommended, by_size

MakeRequest = Callable[..., PretrainRequest]
PIECES = ["[unused1]", *CHARACTERS, *"abcde", *(f"##{letter}" for letter in "abcde")]


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deeper and wider model of the toy's vocabulary; its first layers are far from the last."""
    folder = tmp_path_factory.mktemp("teacher")
    toys.write_bert(
        folder, PIECES, num_hidden_layers=4, hidden_size=48, num_attention_heads=3,
        initializer_range=0.2,
    )  # fmt: skip
    return folder


def records(out: Path) -> list[dict[str, Any]]:
    lines = (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def recipe_of(folder: Path, text: str) -> Path:
    (folder / "recipe.yaml").write_text(f"version: 1\n{text}", encoding="utf-8")
    return folder / "recipe.yaml"


def test_a_run_learns_what_the_teacher_says(
    make_request: MakeRequest, teacher: Path, tmp_path: Path
) -> None:
    lesson = {"mlm": 0.0, "layers": {1: 2}, "relation_heads": 2}
    request = make_request(
        teacher=str(teacher), epochs=8.0, learning_rate=4e-3, dropout=0.0, teacher_settings=lesson
    )
    result = pretrain(request, tmp_path / "run")
    held = [
        record["held_out"]["teacher"]
        for record in records(tmp_path / "run")
        if "held_out" in record
    ]
    assert list(held[0]) == ["loss", "logits", "relations"]
    for name in held[0]:
        assert held[-1][name] < 0.8 * held[0][name], name
    assert held[-1]["loss"] == pytest.approx(held[-1]["logits"] + held[-1]["relations"], abs=1e-4)
    assert result.to_json()["held_out"]["teacher"] == held[-1]
    facts = json.loads((tmp_path / "run" / "model" / "pretraining.json").read_text("utf-8"))
    assert facts["held_out"]["teacher"] == held[-1]
    assert facts["teacher"] == teacher.name
    assert Recommended(**facts["recommended"]) == by_size(1e6)
    first = records(tmp_path / "run")[0]
    assert first["teacher"]["loss"] > 0
    assert "loss" in first


def test_layers_to_start_from(
    corpus_file: Path, teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a recipe, and by `--model` or the teacher alone: the same model."""
    whole = load_file(teacher / "model.safetensors")
    own = {"learning_rate": 3e-3, "batch_tokens": 100, "epochs": 7.0}
    record = json.dumps({"recommended": own})
    (teacher / "pretraining.json").write_text(record, encoding="utf-8")
    settings = [f"{key}={value}" for key, value in (SETTINGS | {"max_steps": 0}).items()]
    recipe = load_recipe(
        recipe_of(tmp_path, "model: {from_layers: [1, 3], hidden_size: 48, layers: 2}\n"),
        [*settings, "vocabulary.size=100"],
    )
    plain, layers = start_from([*settings, "model.from_layers=[1,3]"])
    lesson = start_from(["teacher.layers={1: 3}", "teacher.parts=[keys]"])[0].teacher
    assert (lesson.layers, lesson.parts) == ({1: 3}, ("keys",))
    shared: dict[str, Any] = {"corpus": (str(corpus_file),), "cache": tmp_path / "cache"}
    requests = {
        "recipe": PretrainRequest(
            recipe=recipe, teacher=str(teacher), settings=recipe.train, **shared
        ),
        "model": PretrainRequest(model=str(teacher), from_layers=layers, settings=plain, **shared),
        "teacher": PretrainRequest(
            teacher=str(teacher), from_layers=layers, settings=plain, **shared
        ),
    }
    for name, request in requests.items():
        pretrain(request, tmp_path / name)
        found = load_file(tmp_path / name / "model" / "model.safetensors")
        for key, value in found.items():
            source = key.replace("layer.1.", "layer.3.").replace("layer.0.", "layer.1.")
            assert torch.equal(value, whole[source]), (name, key)
        facts = json.loads((tmp_path / name / "model" / "pretraining.json").read_text("utf-8"))
        assert facts["from_layers"] == [1, 3]
        assert facts["recommended"] == own  # as the model that it went on from
    told = "warning: `vocabulary.size` does nothing: the vocabulary is the teacher's"
    assert capsys.readouterr().err.count(told) == 1
    (teacher / "pretraining.json").unlink()
    assert (
        json.loads((tmp_path / "model" / "model" / "config.json").read_text("utf-8"))[
            "num_hidden_layers"
        ]
        == 2
    )
    held = records(tmp_path / "recipe")[-1]["held_out"]
    assert held["teacher"]["logits"] > 0
    assert "teacher" not in records(tmp_path / "model")[-1]["held_out"]


@pytest.fixture
def taught_request(make_request: MakeRequest, teacher: Path) -> PretrainRequest:
    """A model of two of the teacher's layers that learns all there is; it has dropout 0.1."""
    lesson = {
        "states": 2.0,
        "temperature": 2.0,
        "layers": {0: 1, 1: 3},
        "parts": ["values", "keys"],
    }
    return make_request(
        model=None, teacher=str(teacher), from_layers=(0, 3), epochs=1.0, teacher_settings=lesson
    )


@pytest.fixture
def unbroken(taught_request: PretrainRequest, tmp_path: Path) -> Path:
    pretrain(taught_request, tmp_path / "unbroken")
    return tmp_path / "unbroken"


@pytest.mark.slow
def test_a_stopped_run_ends_as_an_unbroken_one(
    taught_request: PretrainRequest,
    unbroken: Path,
    tmp_path: Path,
    teacher: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pet_mtl.pretraining.run.LOG_EVERY", 1)
    set_step = stop_at_step(monkeypatch)
    set_step(3)
    with pytest.raises(Interrupted):
        pretrain(taught_request, tmp_path / "run")
    set_step(0)
    other = tmp_path / "other"
    shutil.copytree(teacher, other)
    toys.write_bert(other, PIECES, num_hidden_layers=4, hidden_size=48, num_attention_heads=3)
    for changes, words in (
        ({"teacher": str(other)}, "the text, the teacher, the vocabulary"),
        ({"teacher": None, "model": str(teacher)}, "`teacher`"),
        ({"from_layers": (1, 3)}, "`from_layers` changed"),
    ):
        plain = taught_request.settings.model_copy(
            update={"teacher": type(taught_request.settings)().teacher}
        )
        update = changes | ({"settings": plain} if changes.get("teacher", "") is None else {})
        with pytest.raises(PetMtlError, match="this is not the run") as caught:
            pretrain(taught_request.model_copy(update=update), tmp_path / "run", resume=True)
        assert words in str(caught.value)
    moved = tmp_path / "moved"
    shutil.copytree(teacher, moved)
    again = taught_request.model_copy(update={"teacher": str(moved)})
    pretrain(again, tmp_path / "run", resume=True)
    states = [read_state(run, "model", "held_out") for run in (tmp_path / "run", unbroken)]
    assert_same_state(*states)
    assert "teacher" in states[0]["held_out"][0]["held_out"]  # type: ignore[index]


@pytest.mark.slow
def test_two_processes_are_one(taught_request: PretrainRequest, tmp_path: Path) -> None:
    settings = taught_request.settings.model_copy(update={"dropout": 0.0})
    tiny = settings.model_copy(update={"max_steps": 3, "batch_tokens": 30, "accumulate": 2})
    done = {}
    for name, of_run in (("whole", settings), ("tiny", tiny)):
        request = taught_request.model_copy(update={"settings": of_run})
        done[name] = (request, pretrain(request, tmp_path / "one" / name).to_json())
    told = [
        (request.model_dump_json(), str(tmp_path / "two" / name), False)
        for name, (request, _) in done.items()
    ]
    both = run_together(2, SCRIPT, json.dumps(told))
    assert [process.returncode for process in both] == [0, 0], both[0].stderr + both[1].stderr
    results, _ = json.loads(both[0].stdout)
    for found, (name, (_, expected)) in zip(results, done.items(), strict=True):
        assert found["tokens"] == expected["tokens"]
        assert found["held_out"]["teacher"] == pytest.approx(
            expected["held_out"]["teacher"], rel=1e-3
        )
        compare(tmp_path / "one" / name, tmp_path / "two" / name)


def test_stored_options_come_back(taught_request: PretrainRequest) -> None:
    assert PretrainRequest.model_validate_json(taught_request.model_dump_json()) == taught_request


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"states": 1.0}, "states of 48 numbers cannot be learned by a model with 32"),
        ({"layers": {1: 4}}, "there is no layer 4: the teacher has the layers 0 to 3"),
        ({"layers": {2: 1}}, "there is no layer 2: the model has the layers 0 to 1"),
        ({"layers": {-1: 1}}, "there is no layer -1"),
        ({"relation_heads": 3}, "3 heads do not fit the widths 32 and 48"),
    ],
)
def test_what_cannot_be_learned(
    make_request: MakeRequest, teacher: Path, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(PetMtlError) as caught:
        pretrain(make_request(teacher=str(teacher), teacher_settings=changes), tmp_path / "run")
    assert words in str(caught.value)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "run").exists()


def test_wrong_teachers(make_request: MakeRequest, teacher: Path, tmp_path: Path) -> None:
    from transformers import BertTokenizer, DistilBertConfig, DistilBertForMaskedLM

    def refused(words: str, **changes: Any) -> None:
        with pytest.raises(PetMtlError) as caught:
            pretrain(make_request(**changes), tmp_path / "run")
        assert words in str(caught.value)
        assert not (tmp_path / "run").exists()

    def copy(name: str) -> Path:
        shutil.copytree(teacher, tmp_path / name)
        return tmp_path / name

    refused("no model `no-such`", teacher="no-such")
    refused("there is no teacher", teacher_settings={"logits": 2.0})
    refused("there is no layer 7", from_layers=(0, 7))
    refused("positions", teacher=str(teacher), max_length=64)
    turned = copy("turned")
    pieces = [*toys.BERT_SPECIALS, *PIECES[:-2], *reversed(PIECES[-2:])]
    BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}).save_pretrained(turned)
    refused(f"the vocabularies do not agree: `{PIECES[-2]}`", teacher=str(turned))
    maskless = copy("maskless")
    file = maskless / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8")) | {"mask_token": None}
    file.write_text(json.dumps(config), encoding="utf-8")
    refused("has no mask token", teacher=str(maskless))
    other = copy("other")
    DistilBertForMaskedLM(
        DistilBertConfig(
            vocab_size=57, dim=32, n_layers=2, n_heads=2, hidden_dim=48, max_position_embeddings=40
        )
    ).save_pretrained(other)
    refused("of the family `distilbert`, whose layers cannot be read", teacher=str(other))
    alone = make_request(teacher=str(other), teacher_settings={"relations": 0.0}, max_steps=1)
    assert pretrain(alone, tmp_path / "alone").steps == 1


@pytest.mark.parametrize(
    ("text", "overrides", "words"),
    [
        ("model: {from_layers: []}", [], "must be a list of layers such as [1, 3, 5]"),
        ("model: {from_layers: 3}", [], "must be a list of layers"),
        ("model: {from_layers: [3, 1]}", [], "that rise"),
        ("model: {from_layers: [1, 1]}", [], "each named once"),
        ("model: {from_layers: [-1, 1]}", [], "from 0"),
        ("model: {from_layers: [1.5]}", [], "whole numbers"),
        ("model: {from_layers: [0]}", ["teacher.layers={a: 1}"], "whole number"),
        ("model: {from_layers: [0]}", ["teacher.layers={}"], "names no layer"),
        ("model: {from_layers: [0], width: 3}", [], "unknown key `width`"),
        ("model: {from_layers: [0]}", ["teacher.states=-1"], "at least 0"),
        ("model: {from_layers: [0]}", ["teacher.parts=[heads]"], "`queries`"),
        ("model: {from_layers: [0]}", ["teacher.state=1"], "did you mean `states`"),
        (
            "model: {from_layers: [0]}",
            ["teacher.logits=0", "teacher.relations=0"],
            "nothing is left to teach",
        ),
    ],
)
def test_wrong_recipes(tmp_path: Path, text: str, overrides: list[str], words: str) -> None:
    with pytest.raises(PetMtlError) as caught:
        load_recipe(recipe_of(tmp_path, text + "\n"), overrides)
    assert words in str(caught.value)


def test_a_recipe_that_does_not_fit_its_teacher(
    corpus_file: Path, teacher: Path, tmp_path: Path
) -> None:
    for text, named, words in (
        ("from_layers: [0, 9]", str(teacher), "there is no layer 9"),
        ("from_layers: [0], hidden_size: 64", str(teacher), "`hidden_size` is 64"),
        ("from_layers: [0]", None, "needs a model whose layers are taken"),
    ):
        settings = [f"{key}={value}" for key, value in SETTINGS.items()]
        recipe = load_recipe(recipe_of(tmp_path, f"model: {{{text}}}\n"), settings)
        with pytest.raises(PetMtlError) as caught:
            pretrain(
                PretrainRequest(
                    recipe=recipe, teacher=named, corpus=(str(corpus_file),), settings=recipe.train
                ),
                tmp_path / "run",
            )
        assert words in str(caught.value)
        assert not (tmp_path / "run").exists()
