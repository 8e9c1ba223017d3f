"""The trap of `dev: {split: …}`: another seed after pre-training on the tasks' text makes trained
texts dev rows."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from toy_texts import SETTINGS, write_suite

from pet_mtl.comparison.plan import Variant
from pet_mtl.comparison.run import Request, compare
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.run import pretrain
from pet_mtl.pretraining.settings import Masking, PretrainSettings
from pet_mtl.scoring.checkpoint_scores import score_checkpoints, score_models
from pet_mtl.storage.trained_on import TRAINED_ON, Keys, read_trained_on, rows_seen
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training.run import train

ONE_STEP = PretrainSettings(**SETTINGS | {"max_steps": 1})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    """A suite with `dev: {split: …}`, and a model pre-trained on its text by the file's own
    seed."""
    folder = tmp_path_factory.mktemp("trap")
    write_suite(folder, toy_model, dev="{split: 0.25}")
    pretrain(
        PretrainRequest(patterns=folder / "toy.yaml", task_text=True, settings=ONE_STEP),
        folder / "tapt",
    )
    return folder


def suite_of(place: Path, seed: int | None = None) -> Suite:
    model = place / "tapt" / "model"
    overrides = [
        f"model={model}",
        "train.max_steps=1",
        *([] if seed is None else [f"train.seed={seed}"]),
    ]
    return load_suite(place / "toy.yaml", overrides=overrides)


def keys_in(folder: Path) -> Keys:
    keys = read_trained_on(folder)
    assert keys is not None
    return keys["colour"]


def leaked(place: Path, seed: int) -> str:
    dev = load_suite_data(suite_of(place, seed))["colour"].dev
    assert dev is not None
    seen = len(rows_seen(dev, keys_in(place / "tapt" / "model")))
    assert 5 < seen <= len(dev)
    return f"warning: colour: {seen} of {len(dev)} rows to score were trained on"


def test_the_model_folder_knows_its_texts_and_no_dev_row(place: Path) -> None:
    data = load_suite_data(suite_of(place))["colour"]
    assert data.dev is not None
    assert data.unlabelled is not None
    keys = keys_in(place / "tapt" / "model")
    assert len(keys) == len(data.train) + len(data.unlabelled)
    assert len(rows_seen(data.train, keys)) == len(data.train)
    assert not len(rows_seen(data.dev, keys))


@pytest.mark.parametrize(("masking", "unlabelled"), [("pattern", False), ("whole-word", True)])
def test_it_travels_through_pretraining(
    place: Path, tmp_path: Path, masking: Masking, unlabelled: bool
) -> None:
    shutil.copytree(place, tmp_path / "suite", ignore=shutil.ignore_patterns("tapt"))
    more = tmp_path / "suite" / "train.tsv"
    more.write_text(
        more.read_text("utf-8") + "".join(f"新{n}\tr\n" for n in "甲乙丙丁戊己庚辛壬"), "utf-8"
    )
    request = PretrainRequest(
        model=str(place / "tapt" / "model"),
        patterns=tmp_path / "suite" / "toy.yaml",
        masking=masking,
        task_text=unlabelled,
        settings=ONE_STEP,
    )
    pretrain(request, tmp_path / "run")
    before, after = keys_in(place / "tapt" / "model"), keys_in(tmp_path / "run" / "model")
    assert set(before) < set(after)
    assert (np.diff(after) > 0).all(), "sorted, each once"


def test_a_corpus_leaves_no_guard(toy_model: Path, corpus_file: Path, tmp_path: Path) -> None:
    pretrain(
        PretrainRequest(model=str(toy_model), corpus=(str(corpus_file),), settings=ONE_STEP),
        tmp_path / "run",
    )
    assert not (tmp_path / "run" / "model" / TRAINED_ON).exists()


def test_the_same_seed_is_no_trap(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(suite_of(place), tmp_path / "run")
    score_checkpoints([tmp_path / "run" / "checkpoint"], strict=True)
    assert "trained on" not in capsys.readouterr().err


def test_another_seed_is_told(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warning = leaked(place, seed=2)
    train(suite_of(place, seed=2), tmp_path / "run")
    words = capsys.readouterr().err
    assert warning in words
    assert f"  hint: {place / 'tapt' / 'model' / TRAINED_ON} has their hashes" in words
    checkpoint = tmp_path / "run" / "checkpoint"
    assert set(keys_in(place / "tapt" / "model")) < set(keys_in(checkpoint))
    score_checkpoints([checkpoint])
    assert warning in capsys.readouterr().err
    with pytest.raises(PetMtlError, match="the model was trained on this text"):
        score_checkpoints([checkpoint], strict=True)


def test_models_without_training(
    place: Path, toy_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, warning = str(place / "tapt" / "model"), leaked(place, seed=2)
    score_models([model], suite_of(place, seed=2))
    assert warning in capsys.readouterr().err
    with pytest.raises(PetMtlError, match="the model was trained on this text"):
        score_models([str(toy_model), model], suite_of(place, seed=2), strict=True)


def test_compare(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare(
        Request([Variant("pet", suite_of(place, seed=2))], [0], seeds=1), tmp_path / "comparison"
    )
    assert leaked(place, seed=2) in capsys.readouterr().err
