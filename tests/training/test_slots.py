"""`train` with label words of several lengths: what it says, and what a checkpoint keeps."""

from pathlib import Path

import numpy as np
import pytest

from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.task import Slots
from pet_mtl.training.run import train

WORDS = '{"r": 红, "b": [蓝, 天地], "g": 同类天}'


def suite_with(file: Path, slots: Slots, words: str = WORDS) -> Suite:
    settings = (f"tasks.colour.verbalizer={words}", f"tasks.colour.slots={slots}")
    return load_suite(file, overrides=(*settings, "train.max_steps=2"), only=["colour"])


@pytest.mark.parametrize(("slots", "told"), [("exact", True), (2, False), ("shared", False)])
def test_what_lengths_cost_is_said_and_slots_are_kept(
    suite_file: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    slots: Slots,
    told: bool,
) -> None:
    with caplog.at_level("INFO", "pet_mtl"):
        result = train(suite_with(suite_file, slots), tmp_path / "run")
    notes = [line for line in caplog.messages if "prompts a row" in line]
    assert len(notes) == told
    if told:
        assert notes[0].startswith("colour: its label words need 3 prompts a row")
        assert "-s tasks.colour.slots=shared" in notes[0]
    checkpoint = tmp_path / "run" / "checkpoint"
    assert read_checkpoint(checkpoint).suite.tasks["colour"].slots == slots
    loaded = LoadedCheckpoint(checkpoint)
    (form,) = loaded.compiled.forms
    assert form.masks == {"exact": (1, 2, 3), 2: (1, 3), "shared": (3,)}[slots]
    assert np.isfinite(result.scores["colour"].main.value)


def test_words_of_one_length_leave_slots_nothing_to_do(
    suite_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pet_mtl")
    idle = "warning: `tasks.colour.slots` does nothing where all label words have one length"
    words = '{"r": 天地, "b": 同类, "g": 蓝天}'
    for number, (slots, given, told) in enumerate(
        [("shared", words, 1), (2, words, 2), ("exact", words, 2), ("shared", WORDS, 2)]
    ):
        train(suite_with(suite_file, slots, given), tmp_path / str(number))  # type: ignore[arg-type]
        assert caplog.messages.count(idle) == told
