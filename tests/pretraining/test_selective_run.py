"""Selective masking from end to end: a scorer, its marks, a marker, a run."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_texts import SETTINGS, write_suite
from transformers import BertConfig, BertForMaskedLM

from pet_mtl.cloze.form import FormPart
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.model.hardware import Machine
from pet_mtl.pretraining import materials
from pet_mtl.pretraining.importance import MarkedText, mark_important, rows_of_scorer
from pet_mtl.pretraining.marker import mark_rows, train_marker
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.rows import PieceRows
from pet_mtl.pretraining.run import pretrain
from pet_mtl.pretraining.settings import PretrainSettings
from pet_mtl.pretraining.task_text import training_rows
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.suite.suite import load_suite
from pet_mtl.training.run import train

MakeRequest = Callable[..., PretrainRequest]


@pytest.fixture(scope="module")
def checkpoint(toy_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorer whose label shows in one character: 甲 or 乙."""
    folder = tmp_path_factory.mktemp("scorer")
    write_suite(folder, toy_model)
    overrides = ["train.epochs=20", "train.dropout=0.0", "train.evaluate_every=1000"]
    result = train(load_suite(folder / "toy.yaml", overrides=overrides), folder / "run")
    assert result.scores["colour"].accuracy > 0.85
    return folder / "run" / "checkpoint"


@pytest.fixture(scope="module")
def marked(checkpoint: Path) -> tuple[LoadedCheckpoint, list[MarkedText]]:
    scorer = LoadedCheckpoint(checkpoint)
    rows = dict(training_rows(load_suite_data(scorer.suite), unlabelled=False)[0])
    return scorer, mark_important(scorer, rows, seed=1)


def test_the_decisive_character_is_important(
    marked: tuple[LoadedCheckpoint, list[MarkedText]],
) -> None:
    """Of the label that the scorer does not give to an empty text; of the other one any piece is
    evidence enough."""
    scorer, texts = marked
    assert 20 <= len(texts) <= 48  # 80 % of the right ones of 60
    shares = []
    for decisive in "甲乙":
        marks: dict[bool, list[bool]] = {True: [], False: []}
        for text in texts:
            pieces = scorer.tokenizer.piece_texts(text.ids)
            if decisive in pieces:
                for piece, mark in zip(pieces, text.important, strict=True):
                    marks[piece == decisive].append(mark)
        shares.append((float(np.mean(marks[True])), float(np.mean(marks[False]))))
    of_decisive, of_others = min(shares, key=lambda share: share[1])
    assert of_decisive > 0.8
    assert of_others < 0.4


def test_stop_words_are_never_important(marked: tuple[LoadedCheckpoint, list[MarkedText]]) -> None:
    scorer, texts = marked
    pieces = {
        piece
        for text in texts
        for piece, mark in zip(scorer.tokenizer.piece_texts(text.ids), text.important, strict=True)
        if mark
    }
    assert pieces
    assert not pieces & set("的了是，。？!")


def test_patterns_that_read_another_task_mark_nothing(
    marked: tuple[LoadedCheckpoint, list[MarkedText]], capsys: pytest.CaptureFixture[str]
) -> None:
    """What they read would be missing in the prompts that are asked."""
    scorer, texts = copy.copy(marked[0]), marked[1]
    rows = dict(training_rows(load_suite_data(scorer.suite), unlabelled=False)[0])
    chained = [replace(f, parts=(*f.parts, FormPart(said="other"))) for f in scorer.forms]
    scorer.compiled = replace(scorer.compiled, forms=(chained[0], scorer.forms[1]))
    by_the_other = mark_important(scorer, rows, seed=1)
    assert by_the_other
    assert by_the_other != texts
    scorer.compiled = replace(scorer.compiled, forms=tuple(chained))
    assert mark_important(scorer, rows, seed=1) == []
    assert "colour: all its patterns read another task" in capsys.readouterr().err


def test_the_marker_learns_the_marks(marked: tuple[LoadedCheckpoint, list[MarkedText]]) -> None:
    scorer, _ = marked
    decisive = scorer.tokenizer.tokenizer.convert_tokens_to_ids(["甲", "乙"])
    draw = np.random.default_rng(0)
    texts = []
    for _ in range(3000):
        ids = draw.integers(15, 30, 8)
        ids[draw.integers(8)] = decisive[draw.integers(2)]
        texts.append(MarkedText(tuple(ids.tolist()), tuple(np.isin(ids, decisive).tolist())))
    pieces = draw.integers(6, 30, 60)
    rows = PieceRows(
        pieces=pieces,
        starts=np.array([0, 20, 40]),
        ends=np.array([20, 40, 60]),
        before=(2,),
        after=(3,),
        maskable=np.arange(scorer.tokenizer.vocab_size) >= 6,
        pad_id=0,
    )
    machine = Machine.choose("fp32", "eager")
    marker = train_marker(scorer.mlm, texts, rows, machine, seed=1)
    marks = mark_rows(marker, rows, machine)
    assert (marks[np.isin(pieces, decisive)] == 1).all()
    assert marks.mean() < 0.4
    with pytest.raises(PetMtlError, match="finds no important piece"):
        train_marker(scorer.mlm, [MarkedText((7, 8), (False, False))], rows, machine, seed=1)


def test_a_selective_run_stores_its_marks(
    make_request: MakeRequest,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = make_request(
        masking="selective", scorer=checkpoint, cache=tmp_path / "cache", max_steps=3
    )
    assert pretrain(request, tmp_path / "one").steps == 3
    assert "of the pieces are important" in capsys.readouterr().err
    monkeypatch.setattr(
        "pet_mtl.pretraining.materials.mark_important", lambda *_, **__: pytest.fail("again")
    )
    pretrain(request, tmp_path / "two")
    rows = materials.training_rows
    monkeypatch.setattr(
        materials,
        "training_rows",
        lambda *args, **more: (
            {
                name: [part.take(np.arange(5)) for part in parts]
                for name, parts in rows(*args, **more)[0].items()
            },
            0,
        ),
    )
    with pytest.raises(pytest.fail.Exception, match="again"):  # the scorer's rows are others
        pretrain(request, tmp_path / "three")


def test_another_scorer_makes_another_run(
    make_request: MakeRequest, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_request(
        masking="selective", scorer=checkpoint, cache=tmp_path / "cache", max_steps=3
    )
    pretrain(request, tmp_path / "run")
    pretrain(request, tmp_path / "run", resume=True)
    stored = materials.stored_marks
    monkeypatch.setattr(materials, "stored_marks", lambda *args: 1 - np.asarray(stored(*args)))
    with pytest.raises(PetMtlError, match="what the scorer marks` changed"):
        pretrain(request, tmp_path / "run", resume=True)
    monkeypatch.setattr(materials, "stored_marks", lambda *args: 0 * np.asarray(stored(*args)))
    with pytest.raises(PetMtlError, match="there is nothing to learn"):
        pretrain(request, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_task_text_with_a_scorer(checkpoint: Path, tmp_path: Path, suite_file: Path) -> None:
    settings = PretrainSettings(**SETTINGS | {"max_steps": 2})
    request = PretrainRequest(
        patterns=suite_file,
        task_text=True,
        masking="selective",
        scorer=checkpoint,
        settings=settings,
    )
    assert pretrain(request, tmp_path / "run").steps == 2


def test_a_suite_may_number_the_labels_of_the_scorer_otherwise(
    checkpoint: Path, suite_file: Path
) -> None:
    scorer = LoadedCheckpoint(checkpoint).suite
    (suite_file.parent / "turned.txt").write_text("b  蓝\nr  红\n", encoding="utf-8")
    (suite_file.parent / "more.txt").write_text("b  蓝\nr  红\nx  木\n", encoding="utf-8")

    def rows_by(*overrides: str) -> list[Rows]:
        suite = load_suite(suite_file, overrides=overrides)
        return rows_of_scorer(scorer, suite, training_rows(load_suite_data(suite))[0])["colour"]

    turned = rows_by("tasks.colour.verbalizer=turned.txt")
    for part, plain in zip(turned, rows_by(), strict=True):
        assert part.labels.tolist() == plain.labels.tolist()
    assert {*turned[0].labels.tolist(), *turned[1].labels.tolist()} == {0, 1, -1}
    with pytest.raises(PetMtlError, match="trained on another task `colour`"):
        rows_by("tasks.colour.verbalizer=more.txt")


def test_a_scorer_of_another_vocabulary(
    make_request: MakeRequest, checkpoint: Path, tmp_path: Path
) -> None:
    request = make_request(
        model="zh-mini", masking="selective", scorer=checkpoint, cache=tmp_path / "cache"
    )
    with pytest.raises(PetMtlError, match="another vocabulary"):
        pretrain(request, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_scorer_with_fewer_positions(
    make_request: MakeRequest, checkpoint: Path, toy_model: Path, tmp_path: Path
) -> None:
    wide = Path(shutil.copytree(toy_model, tmp_path / "wide"))
    config = BertConfig.from_pretrained(toy_model, max_position_embeddings=64)
    BertForMaskedLM(config).save_pretrained(wide)
    request = make_request(
        model=str(wide), masking="selective", scorer=checkpoint, max_length=48, max_steps=1
    )
    with pytest.raises(PetMtlError, match="positions for 40 tokens") as caught:
        pretrain(request, tmp_path / "run")
    assert f"--scorer {checkpoint}" in str(caught.value)
    assert not (tmp_path / "run").exists()
