"""Label words found before training: those of `words suggest`, from training rows alone, stored as
plain words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from stopped_runs import assert_same_state
from toy_runs import state_of

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.metrics.classification import score_predictions
from pet_mtl.model.calibration import calibration_from
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring.checkpoint_scores import score_checkpoints
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.verbalizer_kind import VerbalizerKind
from pet_mtl.training import automatic_words
from pet_mtl.training.automatic_words import Words, find_words
from pet_mtl.training.given import Given
from pet_mtl.training.run import train
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model
from pet_mtl.words.trial import Trial

AUTOMATIC = [
    "tasks.mood.verbalizer_kind=automatic",
    "tasks.colour.verbalizer_kind={name: automatic, method: petal}",
]
SETTINGS = ["train.max_steps=6", "train.evaluate_every=3"]
Find = Callable[..., Suite]


@pytest.fixture
def automatic(suite_file: Path) -> Suite:
    return load_suite(suite_file, overrides=[*SETTINGS, *AUTOMATIC])


@pytest.fixture
def find() -> Find:
    def find(suite: Suite, data: dict[str, TaskData] | None = None) -> Suite:
        machine = Machine.choose("fp32", "eager", torch.device("cpu"))
        tokenizer, mlm = PieceTokenizer(load_tokenizer(suite.model)), load_masked_lm(suite.model)
        return find_words(suite, Given(data or load_suite_data(suite), mlm, tokenizer, machine))

    return find


def words(suite: Suite, name: str = "mood") -> Words:
    return suite.tasks[name].verbalizer.words


def macro_f1_on_training_rows(suite: Suite) -> float:
    """Score `mood` without training, calibrated by the same rows, as `words try` does."""
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    tokenizer, mlm = PieceTokenizer(load_tokenizer(suite.model)), load_masked_lm(suite.model)
    rows, task = load_suite_data(suite)["mood"].train, suite.tasks["mood"]
    trial = Trial(
        Model.of(mlm, tokenizer, machine),
        {"mood": rows},
        suite.train.max_length,
        StateCache(None, ""),
    )
    log_probs = trial.log_probs(task)
    calibrated = calibration_from("prior", log_probs).apply(log_probs)
    return score_predictions(rows.labels, calibrated.argmax(-1), task.verbalizer.labels).macro_f1


def test_the_found_words_tell_the_training_rows_apart(
    automatic: Suite, find: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    found = find(automatic)
    assert macro_f1_on_training_rows(found) > macro_f1_on_training_rows(automatic) + 0.1
    assert max(map(len, words(found))) <= 3
    assert found.tasks["mood"].verbalizer_kind == VerbalizerKind()
    assert found.tasks["pair"] == automatic.tasks["pair"]
    (shown,) = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith("mood: label words")
    ]
    up, down = (" ".join(of_label) for of_label in words(found))
    assert shown == f"mood: label words from 31 training rows: up {up}; down {down}"
    assert find(automatic) == found  # the same seed, the same words


def test_labels_have_as_many_words_as_the_task_says(suite_file: Path, find: Find) -> None:
    option = "tasks.colour.verbalizer_kind={name: automatic, words: 1}"
    found = find(load_suite(suite_file, overrides=[option]))
    assert [len(of_label) for of_label in words(found, "colour")] == [1, 1, 1]


def test_dev_rows_are_not_read(automatic: Suite, find: Find) -> None:
    data = load_suite_data(automatic)
    assert find(automatic, {name: replace(task, dev=None) for name, task in data.items()}) == find(
        automatic, data
    )


def test_a_row_a_label_is_enough(automatic: Suite, find: Find) -> None:
    data = {
        name: replace(
            task, train=task.train.take(np.unique(task.train.labels, return_index=True)[1])
        )
        for name, task in load_suite_data(automatic).items()
    }
    found = find(automatic, data)
    assert all(len(set(of_label)) in (1, 2, 3) for of_label in words(found))


@pytest.mark.parametrize("method", ["pet", "cln"])
def test_the_checkpoint_holds_plain_words(
    automatic: Suite, find: Find, tmp_path: Path, method: str
) -> None:
    suite = automatic.model_copy(update={"method": load_method(automatic, method)})
    result = train(suite, tmp_path / "run")
    stored, found = read_checkpoint(tmp_path / "run" / "checkpoint").suite, find(suite)
    for name in ("mood", "colour"):
        assert words(stored, name) == words(found, name)
        assert stored.tasks[name].verbalizer_kind == VerbalizerKind()
    (scored,) = score_checkpoints([tmp_path / "run" / "checkpoint"])
    assert scored.tasks == result.scores


def test_heads_read_no_words(automatic: Suite, find: Find) -> None:
    suite = automatic.model_copy(update={"method": load_method(automatic, "heads")})
    assert find(suite) == suite


def test_a_resumed_run_keeps_its_words(
    automatic: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(automatic, tmp_path / "run")
    before = state_of(tmp_path / "run")
    monkeypatch.setattr(automatic_words, "search_words", None)  # nothing is sought
    train(automatic, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), before)


def load_method(suite: Suite, name: str) -> object:
    return load_suite(Path(suite.source), method=name).method
