"""Whole runs: they learn, their result is an ordinary folder, and the loop's promises hold."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toy_texts import CHARACTERS, SETTINGS

from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.pretraining import steps
from pet_mtl.pretraining.recipe import load_recipe
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.run import pretrain
from pet_mtl.pretraining.settings import PretrainSettings
from pet_mtl.storage.folder_kinds import BEGUN

MakeRequest = Callable[..., PretrainRequest]


def records(out: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.parametrize("masking", ["random", "whole-word"])
def test_a_run_learns_and_leaves_an_ordinary_folder(
    make_request: MakeRequest, tmp_path: Path, masking: str
) -> None:
    request = make_request(
        masking=masking, epochs=24.0, learning_rate=4e-3, masking_rate=0.25, dropout=0.0
    )
    result = pretrain(request, tmp_path / "run")
    held = [record["held_out"] for record in records(tmp_path / "run") if "held_out" in record]
    assert len(held) == 24
    assert result.held_out is not None
    assert result.held_out.to_json() == held[-1]
    # better than the entropy of 20 equally frequent characters, ln 20: what stands around a mask is
    # used
    assert held[-1]["loss"] < 2.9 < 3.1 < held[0]["loss"]
    assert result.to_json()["tokens"] == result.tokens > 0

    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = tmp_path / "run" / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder)
    inputs = tokenizer("甲乙丙丁[MASK]己庚辛", return_tensors="pt")
    best = tokenizer.convert_ids_to_tokens(model(**inputs).logits[0, 5].topk(10).indices.tolist())
    assert set(best) <= set(CHARACTERS[:20])
    assert (folder / "vocab.txt").is_file()
    facts = json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))
    assert facts["tokens"] == result.tokens
    assert facts["masking"] == masking


def test_from_scratch(corpus_file: Path, tmp_path: Path) -> None:
    recipe_file = tmp_path / "toy.yaml"
    recipe_file.write_text(
        "version: 1\nmodel: {hidden_size: 32, layers: 2, heads: 4, positions: 40}\n"
        "vocabulary: {size: 60}\ntrain: {max_steps: 4, max_length: 32, batch_tokens: 300, "
        "weights: fp16}\n",
        encoding="utf-8",
    )
    recipe = load_recipe(recipe_file)
    request = PretrainRequest(
        recipe=recipe, corpus=(str(corpus_file),), settings=recipe.train, cache=tmp_path / "c"
    )
    result = pretrain(request, tmp_path / "run")
    assert result.steps == 4
    weights = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text(encoding="utf-8"))
    assert (config["num_hidden_layers"], config["vocab_size"]) == (
        2,
        25,
    )  # 20 characters, 5 special tokens
    assert not (tmp_path / "run" / "cache").exists()
    # its own result is a tokenizer and a model to go on from
    again = PretrainRequest(
        model=str(tmp_path / "run" / "model"),
        corpus=(str(corpus_file),),
        settings=recipe.train,
        cache=tmp_path / "c",
    )
    assert pretrain(again, tmp_path / "again").steps == 4


def test_task_text(suite_file: Path, tmp_path: Path) -> None:
    request = PretrainRequest(
        patterns=suite_file, task_text=True, settings=PretrainSettings(**SETTINGS)
    )
    assert pretrain(request, tmp_path / "run").steps > 2


def test_task_text_of_unlabelled_rows_alone(suite_file: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.yaml"
    text = suite_file.read_text(encoding="utf-8").replace("train: train.tsv, dev: dev.tsv, ", "")
    bare.write_text(text, encoding="utf-8")
    settings = PretrainSettings(**SETTINGS)
    folder = suite_file.parent
    request = PretrainRequest(patterns=bare, data_root=folder, task_text=True, settings=settings)
    assert pretrain(request, tmp_path / "run").steps
    request = PretrainRequest(patterns=bare, data_root=folder, masking="pattern", settings=settings)
    with pytest.raises(PetMtlError, match="`colour` has no training rows"):
        pretrain(request, tmp_path / "other")


def test_pattern_aware(
    suite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = PretrainSettings(
        **SETTINGS | {"epochs": 30.0, "learning_rate": 3e-3, "masking_rate": 0.0}
    )
    request = PretrainRequest(
        patterns=suite_file, masking="pattern", settings=settings, cache=tmp_path / "cache"
    )
    result = pretrain(request, tmp_path / "run")
    assert "warning: `--cache` does nothing" in capsys.readouterr().err
    assert result.held_out is not None
    assert result.held_out.accuracy > 0.05
    losses = [record["loss"] for record in records(tmp_path / "run") if "loss" in record]
    assert losses[-1] < 0.5 * losses[0]


def test_no_steps_only_measure(make_request: MakeRequest, tmp_path: Path, toy_model: Path) -> None:
    result = pretrain(make_request(max_steps=0), tmp_path / "run")
    assert result.steps == 0
    assert result.held_out is not None
    assert result.held_out.masked > 10
    before, after = (
        load_file(folder / "model.safetensors")
        for folder in (toy_model, tmp_path / "run" / "model")
    )
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_run_without_steps_is_no_stopped_one(make_request: MakeRequest, tmp_path: Path) -> None:
    out, request = tmp_path / "run", make_request(max_steps=0)
    result = pretrain(request, out)
    log = (out / "metrics.jsonl").read_text()
    with pytest.raises(PetMtlError, match="already holds a run"):
        pretrain(request, out)
    assert (out / "model" / "model.safetensors").is_file()
    assert not (out / BEGUN).exists()
    assert pretrain(request, out, resume=True).held_out == result.held_out
    assert (out / "metrics.jsonl").read_text() == log


def test_without_held_out_text(make_request: MakeRequest, tmp_path: Path) -> None:
    result = pretrain(make_request(held_out=0.0, max_steps=2), tmp_path / "run")
    assert result.held_out is None
    assert result.to_json()["held_out"] is None


def test_accumulation_changes_nothing(make_request: MakeRequest, tmp_path: Path) -> None:
    weights = []
    for parts in (1, 3):
        pretrain(make_request(accumulate=parts, max_steps=6, dropout=0.0), tmp_path / str(parts))
        weights.append(load_file(tmp_path / str(parts) / "model" / "model.safetensors"))
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=1e-4, atol=1e-5)


def test_the_time_limit_ends_a_run_with_the_rate_run_down(
    make_request: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pet_mtl.pretraining.run.LOG_EVERY", 1)
    clock = iter(
        np.arange(0.0, 1e6, 0.5)
    )  # each look at the clock: half a second, each step: one half
    monkeypatch.setattr("pet_mtl.stepping.loop.time.perf_counter", lambda: next(clock))
    request = make_request(max_minutes=0.1, epochs=1000.0, warmup=0.1)  # 6 seconds
    result = pretrain(request, tmp_path / "run")
    assert result.steps == 12
    rates = [
        record["learning_rate"] for record in records(tmp_path / "run") if "learning_rate" in record
    ]
    assert max(rates) == rates[2]
    assert rates[-1] < 0.15 * max(rates)
    assert rates[3:] == sorted(rates[3:], reverse=True)


def test_a_loss_that_is_no_number_stops_the_run(
    make_request: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "rate_factor", lambda *_: float("nan"))
    with pytest.raises(RunError, match="not a number any more"):
        pretrain(make_request(), tmp_path / "run")
    assert not (tmp_path / "run" / "last").exists()
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None}, "there is no model"),
        ({"corpus": ()}, "no text to train on"),
        ({"masking": "selective"}, "needs a scorer"),
        ({"masking": "pattern"}, "needs a suite"),
        ({"task_text": True}, "needs a suite"),
        ({"scorer": Path("x")}, "only selective masking has a scorer"),
        ({"patterns": Path("x.yaml")}, "nothing is taken from it"),
        ({"masking": "pattern", "patterns": Path("x.yaml")}, "and no other"),
        ({"task_text": True, "patterns": Path("x.yaml")}, "give one of the two"),
        ({"masking_rate": 0.0}, "leaves nothing to learn"),
        ({"max_length": 64}, "set `-s max_length=40`"),
        ({"model": "no-such"}, "no model `no-such`"),
        ({"held_out": 0.9999}, "too small to hold a document out"),
        ({"corpus": ("nowhere.txt",)}, "no such data file"),
    ],
)
def test_wrong_requests_leave_nothing_behind(
    make_request: MakeRequest, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(PetMtlError, match=words) as caught:
        pretrain(make_request(cache=tmp_path / "cache", **changes), tmp_path / "run")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "run").exists()


def test_a_text_too_small_to_measure_on_is_told(
    make_request: MakeRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pet_mtl")
    result = pretrain(make_request(held_out=1e-9, max_steps=0), tmp_path / "run")
    assert result.held_out is None
    assert "too small to hold a document out, so nothing is measured" in caplog.text


def test_no_usable_text_leaves_nothing_behind(make_request: MakeRequest, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n", encoding="utf-8")
    with pytest.raises(PetMtlError, match="no usable text"):
        pretrain(make_request(corpus=(str(tmp_path / "a.txt"),)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_vocabulary_that_does_not_fit_the_model(
    make_request: MakeRequest, toy_model: Path, tmp_path: Path
) -> None:
    import shutil

    from transformers import BertTokenizer

    shutil.copytree(toy_model, tmp_path / "model")
    pieces = [
        *"abc",
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *(chr(0x4E00 + i) for i in range(100)),
    ]
    for file in ("tokenizer.json", "vocab.txt"):
        (tmp_path / "model" / file).unlink(missing_ok=True)
    BertTokenizer(vocab={piece: n for n, piece in enumerate(pieces)}).save_pretrained(
        tmp_path / "model"
    )
    with pytest.raises(
        PetMtlError, match="tokenizer has 108 pieces, but the model has embeddings for 57"
    ):
        pretrain(make_request(model=str(tmp_path / "model")), tmp_path / "run")
