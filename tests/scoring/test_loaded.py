"""One loaded model for several threads: built once, never in training mode, files read and hashed
once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import torch
import toy_suite
import toys
from default_dtype import default_dtype

import pet_mtl
from pet_mtl.scoring import loaded as loaded_file
from pet_mtl.scoring.checkpoint_scores import score_checkpoints
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel
from pet_mtl.scoring.predictor import Prediction, Predictor
from pet_mtl.storage import checkpoint as checkpoint_file
from pet_mtl.storage import digests
from pet_mtl.storage.checkpoint import write_checkpoint
from pet_mtl.storage.own_weights import own_weights
from pet_mtl.suite.suite import load_suite

THREADS = 8
TOPICS = [["一条新闻"], ["体育天气"], ["科技文化" * 5, "坏"], ["好"] * 9]
PAIRS = [[{"one": "这是好的", "two": "真的"}], [{"one": "坏", "two": "不" * 20}] * 3]
CHARACTERS = list("一条新闻体育天气科技文化这是好的真不坏类：。？，")

KINDS: dict[str, list[str]] = {
    "pet": [],
    "heads": ["method=heads"],
    "heads-lstm": [("method={name: heads, decoder: lstm, features: attention, sharing: ple}")],
    "cln": ["method={name: cln, size: 8}"],
    "soft-pieces": ['tasks.topic.patterns=["{soft:3}{mask}。{title}{soft:1}"]'],
    "cln-soft-pieces": [
        "method={name: cln, size: 8}",
        'tasks.topic.patterns=["{soft:3}{mask}。{title}"]',
    ],
    "weighted": ["tasks.pair.verbalizer_kind=weighted"],
    "soft": ["tasks.topic.verbalizer_kind=soft"],
    "prototypical": ["tasks.topic.verbalizer_kind={name: prototypical, size: 8}"],
}
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return what writes a checkpoint whose backbone has dropout and whose own weights are no
    longer the first ones."""

    def write(kind: str, family: str = "bert", precision: str = "fp32") -> Path:
        backbone, out = tmp_path / "backbone", tmp_path / "checkpoint"
        toys.write_bert(
            backbone, CHARACTERS, initializer_range=0.3
        )  # dropout 0.1, as BERT's configuration has it
        if family != "bert":
            toys.build_mlm(family, len(CHARACTERS) + 5, dropout=0.1).save_pretrained(backbone)
        toy_suite.write_suite(tmp_path, backbone)
        overrides = ["train.dropout=null", f"train.precision={precision}", *KINDS[kind]]
        suite = load_suite(tmp_path / "toy.yaml", overrides=overrides)
        model = LoadedModel(suite.model, suite)
        own = own_weights(model.model, model.mlm)
        generator = torch.Generator().manual_seed(4)
        own = {
            name: value + 0.3 * torch.randn(value.shape, generator=generator)
            for name, value in own.items()
        }
        write_checkpoint(out, model.mlm, model.tokenizer, suite, {}, own)
        assert [m.p for m in model.mlm.modules() if isinstance(m, torch.nn.Dropout)]
        return out

    return write


def ask(predictor: Predictor, number: int) -> list[list[Prediction]]:
    """Ask about all rows, in an order of the thread's own."""
    asked: list[tuple[str, Any]] = [
        *(("topic", rows) for rows in TOPICS),
        *(("pair", rows) for rows in PAIRS),
    ]
    turn = number % len(asked)
    answers = [predictor.predict(rows, task) for task, rows in asked[turn:] + asked[:turn]]
    back = len(asked) - turn
    return answers[back:] + answers[:back]


def answers_of_threads(predictor: Predictor) -> list[list[list[list[Prediction]]]]:
    start = Barrier(THREADS)

    def work(number: int) -> list[list[list[Prediction]]]:
        start.wait()
        return [ask(predictor, number) for _ in range(6)]

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


@pytest.mark.parametrize("kind", KINDS)
def test_eight_threads_give_what_one_gives(make: Make, kind: str) -> None:
    folder = make(kind)
    wanted = ask(pet_mtl.load(folder), 0)
    for of_thread in answers_of_threads(pet_mtl.load(folder)):
        assert all(
            answers == wanted for answers in of_thread
        )  # bit for bit: these are Python's floats


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize("family", ["roberta", "electra", "distilbert", "albert"])
def test_eight_threads_give_what_one_gives_in_other_families(
    make: Make, family: str, precision: str
) -> None:
    folder = make("cln-soft-pieces", family, precision)
    wanted = ask(pet_mtl.load(folder), 0)
    for of_thread in answers_of_threads(pet_mtl.load(folder)):
        assert all(answers == wanted for answers in of_thread)


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_a_program_with_another_default_gets_the_same(
    make: Make, kind: str, default: torch.dtype
) -> None:
    folder = make(kind)
    before = pet_mtl.load(folder)
    wanted = ask(before, 0)
    with default_dtype(default):
        assert ask(before, 0) == wanted
        assert ask(pet_mtl.load(folder), 0) == wanted


@pytest.mark.parametrize("kind", ["pet", "heads", "cln-soft-pieces"])
def test_the_model_is_built_once_and_stays_in_evaluation_mode(
    make: Make, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = pet_mtl.load(make(kind))
    model = predictor._loaded.model
    assert not any(module.training for module in model.modules())
    monkeypatch.delattr(loaded_file, "build")
    monkeypatch.delattr(loaded_file, "load_own_weights")
    monkeypatch.delattr(torch, "manual_seed")
    monkeypatch.setattr(torch.nn.Module, "train", None)
    ask(predictor, 0)
    monkeypatch.setattr("pet_mtl.model.slot_encoder.fits_fused_layer", None)  # weights are known
    state = torch.get_rng_state()
    ask(predictor, 0)
    assert predictor._loaded.model is model
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_checkpoint_is_hashed_once_a_command(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, hashed = make("soft"), list[str]()
    digest = digests.hashlib.file_digest

    def count(handle: Any, kind: str) -> Any:
        hashed.append(handle.name)
        return digest(handle, kind)

    monkeypatch.setattr(digests.hashlib, "file_digest", count)
    time.sleep(2 * digests._YOUNG)  # a file that was just written is read each time
    score_checkpoints([folder])
    assert len(hashed) == len(set(hashed)) > 3
    read = checkpoint_file.read_checkpoint(folder)
    hashed.clear()
    assert LoadedCheckpoint(read).folder == folder
    assert not hashed
