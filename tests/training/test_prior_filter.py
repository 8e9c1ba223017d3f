"""The prior filter against one forward pass for each row, pattern and word."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.model.hardware import Machine
from pet_mtl.storage.outputs import stored_suite
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.verbalizer_kind import VerbalizerKind
from pet_mtl.training import prior_filter
from pet_mtl.training.given import Given
from pet_mtl.training.prior_filter import filter_words, kept_words, word_priors
from pet_mtl.training.run import train
from pet_mtl.words.states import Model

WORDS = (("喜", "同喜", "天", "地"), ("悲伤",))


def knowing(suite: Suite, keep: float = 0.5) -> Suite:
    mood = suite.tasks["mood"]
    verbalizer = mood.verbalizer.model_copy(update={"words": WORDS})
    kind = VerbalizerKind(name="knowledgeable", keep=keep)
    changed = mood.model_copy(update={"verbalizer": verbalizer, "verbalizer_kind": kind})
    return suite.model_copy(update={"tasks": {**suite.tasks, "mood": changed}})


def test_the_likelier_half_stays(suite: Suite) -> None:
    suite = knowing(suite)
    tokenizer, mlm = PieceTokenizer(load_tokenizer(suite.model)), load_masked_lm(suite.model)
    machine, data = Machine.choose("fp32", "eager", torch.device("cpu")), load_suite_data(suite)
    task, rows = suite.tasks["mood"], data["mood"].train
    texts = [word for words in WORDS for word in words]
    wanted = np.zeros(len(texts))
    bare = task.model_copy(update={"verbalizer_kind": VerbalizerKind()})
    prompts = encode_suite({"mood": bare}, {"mood": rows}, tokenizer, suite.train.max_length)
    with torch.no_grad():
        for item in range(len(prompts)):
            ids, at = (
                prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist(),
                int(prompts.slot_at[item]),
            )
            scores = []
            for word in tokenizer.encode(texts):
                row = torch.tensor([[*ids[:at], *[tokenizer.mask_id] * len(word), *ids[at:]]])
                log_probs = mlm(input_ids=row).logits[0].log_softmax(-1)
                scores.append(
                    np.mean([log_probs[at + j, piece].item() for j, piece in enumerate(word)])
                )
            wanted += np.exp(scores) / np.exp(scores).sum() / len(prompts)
    priors = word_priors(task, rows, Model.of(mlm, tokenizer, machine), suite.train.max_length)
    np.testing.assert_allclose(priors, wanted, rtol=1e-3, atol=1e-5)
    shared = task.model_copy(update={"slots": "shared"})  # in training, not here
    model = Model.of(mlm, tokenizer, machine)
    of_shared = word_priors(shared, rows, model, suite.train.max_length)
    np.testing.assert_allclose(of_shared, wanted, rtol=1e-3, atol=1e-5)
    given = Given(data, mlm, tokenizer, machine)
    filtered = filter_words(suite, given)
    assert filtered.tasks["mood"].verbalizer.words == kept_words(WORDS, wanted, 0.5)
    assert [len(words) for words in filtered.tasks["mood"].verbalizer.words] == [2, 1]
    assert filtered.tasks["mood"].verbalizer_kind.name == "weighted"
    assert filtered.tasks["colour"] == suite.tasks["colour"]
    assert filter_words(filtered, given) == filtered  # a resumed run filters nothing twice


def test_unlabelled_rows_come_first_and_the_seed_draws_among_many(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[str]] = []

    def priors(task: TaskSpec, rows: Rows, *_: object) -> np.ndarray:
        read.append(rows.fields["text"].to_pylist())
        return np.arange(5.0)

    monkeypatch.setattr(prior_filter, "word_priors", priors)
    monkeypatch.setattr("pet_mtl.scoring.calibration.prior.SAMPLE", 3)
    data, unlabelled = load_suite_data(suite), Rows.of({"text": list("甲乙丙丁戊己庚")})
    both = {**data, "mood": replace(data["mood"], unlabelled=unlabelled)}
    mlm, tokenizer = load_masked_lm(suite.model), PieceTokenizer(load_tokenizer(suite.model))
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    for seed in (1, 2, 1):
        knows = knowing(suite)
        settings = knows.train.model_copy(update={"seed": seed})
        filter_words(
            knows.model_copy(update={"train": settings}), Given(both, mlm, tokenizer, machine)
        )
    assert read[0] == read[2] != read[1]
    assert all(len(texts) == 3 and {*texts} <= {*"甲乙丙丁戊己庚"} for texts in read)


@pytest.mark.parametrize(
    ("keep", "wanted"),
    [(1.0, WORDS), (0.75, (("同喜", "天", "地"), ("悲伤",))), (0.01, (("天",), ("悲伤",)))],
)
def test_the_share_that_stays(keep: float, wanted: tuple[tuple[str, ...], ...]) -> None:
    assert kept_words(WORDS, np.array([0.1, 0.2, 0.4, 0.15, 0.15]), keep) == wanted


@pytest.mark.parametrize(
    ("keep", "words", "kept"), [(0.55, 100, 55), (0.07, 100, 7), (0.56, 25, 14), (0.071, 100, 8)]
)
def test_rounding_keeps_no_word_more(keep: float, words: int, kept: int) -> None:
    names = tuple(map(str, range(words)))
    assert len(kept_words((names,), np.arange(words) + 1.0, keep)[0]) == kept


@pytest.mark.parametrize("setting", ["losses={adapet: {}}", "weighting={mood: 0}"])
def test_a_run_whose_words_are_dropped_goes_on(
    suite_file: Path, tmp_path: Path, setting: str
) -> None:
    """What is stored is `weighted`, which would be refused where no label loss trains it."""
    overrides = ["train.max_steps=1", f"train.{setting}"]
    suite = load_suite(suite_file, overrides=overrides)
    train(knowing(suite), tmp_path / "run")
    stored = stored_suite(tmp_path / "run")
    assert stored.tasks["mood"].verbalizer_kind.name == "weighted"
    assert train(stored, tmp_path / "run", resume=True).steps == 1
