"""Teachers that are asked in blocks."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from pet_mtl.data.rows import Rows
from pet_mtl.errors import MachineError
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.processes import Processes
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.storage.outputs import ASKED, TEACHER, stored_suite
from pet_mtl.storage.tensors import read_arrays
from pet_mtl.suite.suite import Suite
from pet_mtl.training import ask as module
from pet_mtl.training.ask import ask_in_blocks
from pet_mtl.training.run import train
from pet_mtl.training.trainer import Trainer

ROWS = Rows.of({"text": ["a", "b", "c", "B"]}, labels=[0, 1, 2, 1])


class Teacher:
    """One whose answers are made up, and which may be stopped."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / MANIFEST).write_text("{}")
        task = SimpleNamespace(verbalizer=SimpleNamespace(labels="abc"))
        self.suite: Any = SimpleNamespace(tasks={"one": task, "two": task})
        self.loaded: Any = SimpleNamespace(suite=self.suite, folder=folder)
        self.asked: list[list[str]] = []
        self.stopped = False
        monkeypatch.setattr(module, "ask_teacher", self._say)
        monkeypatch.setattr(module, "_BLOCK", 3)

    def _say(
        self,
        loaded: object,
        suite: object,
        rows: Mapping[str, Rows],
        counted: object,
        processes: object,
        part: str,
    ) -> dict[str, FloatArray]:
        texts = {n: [of.text(row)["text"] for row in range(len(of))] for n, of in rows.items()}
        self.asked.append([f"{n} {text}{part}" for n, each in texts.items() for text in each])
        if self.stopped and len(self.asked) == 3:
            raise KeyboardInterrupt
        said = {name: [[ord(text), 1.0, 0.0] for text in each] for name, each in texts.items()}
        return {name: np.array(each, np.float32) for name, each in said.items()}

    def answers(self, rows: Mapping[str, Rows], folder: Path | None) -> dict[str, FloatArray]:
        counted = {name: of_task.labels for name, of_task in rows.items()}
        return ask_in_blocks(self.loaded, self.suite, rows, counted, folder)


def test_blocks_are_answered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, kept = Teacher(tmp_path, monkeypatch), tmp_path / "kept"
    rows = {"one": ROWS, "unknown": ROWS, "two": ROWS}
    teacher.stopped = True
    with pytest.raises(KeyboardInterrupt):
        teacher.answers(rows, kept)
    found = teacher.answers(rows, kept)
    parts = [f", part {number} of 3" for number in (1, 2, 3)]
    assert teacher.asked == [
        [f"one {text}{parts[0]}" for text in "abc"],
        [f"{text}{parts[1]}" for text in ("one B", "two a", "two b")],
        *([[f"two {text}{parts[2]}" for text in "cB"]] * 2),
    ]
    assert set(found) == {"one", "two"}
    for of_task in found.values():
        assert of_task.tolist() == [[ord(text), 1.0, 0.0] for text in "abcB"]
    assert teacher.answers(rows, kept)["two"].tolist() == found["two"].tolist()
    assert len(teacher.asked) == 4


@pytest.mark.parametrize("change", ["teacher", "texts", "case", "labels", "damage"])
def test_a_block_about_something_else_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    teacher, kept, rows = Teacher(tmp_path, monkeypatch), tmp_path / "kept", {"one": ROWS}
    teacher.answers(rows, kept)
    if change == "teacher":
        (tmp_path / MANIFEST).write_text("{ }")
    elif change == "texts":
        rows = {"one": Rows.of({"text": ["a", "b", "d", "B"]}, labels=[0, 1, 2, 1])}
    elif change == "case":
        rows = {"one": Rows.of({"text": ["A", "b", "c", "B"]}, labels=[0, 1, 2, 1])}
    elif change == "labels":
        rows = {"one": Rows.of({"text": ["a", "b", "c", "B"]}, labels=[0, 1, 1, 1])}
    else:
        (kept / "1.safetensors").write_bytes(b"x")
    texts = rows["one"].fields["text"]
    assert teacher.answers(rows, kept)["one"][:, 0].tolist() == [ord(str(t)) for t in texts]
    assert teacher.asked[2] == [f"one {text}, part 1 of 2" for text in (*map(str, texts),)[:3]]


def test_one_block_no_folder_and_a_second_process_keep_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, kept = Teacher(tmp_path, monkeypatch), tmp_path / "kept"
    teacher.answers({"one": ROWS.take(np.arange(3))}, kept)
    teacher.answers({"one": ROWS}, None)
    counted = {"one": ROWS.labels}
    ask_in_blocks(teacher.loaded, teacher.suite, {"one": ROWS}, counted, kept, Processes(2, 1))
    assert teacher.asked[0] == [f"one {text}" for text in "abc"]
    assert not kept.exists()


def test_a_run_that_was_stopped_while_it_asked_goes_on(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = suite.model_copy(update={"train": suite.train.model_copy(update={"max_steps": 1})})
    train(suite, tmp_path / "teacher")
    folder, asked, ask_teacher = tmp_path / "teacher" / "checkpoint", [], module.ask_teacher

    def say(*arguments: Any) -> dict[str, FloatArray]:
        asked.append(arguments[-1])
        if len(asked) == 2:
            raise KeyboardInterrupt
        return ask_teacher(*arguments)

    monkeypatch.setattr(module, "_BLOCK", 20)
    train(suite, tmp_path / "whole", teachers=[folder])
    monkeypatch.setattr(module, "ask_teacher", say)
    out = tmp_path / "stopped"
    with pytest.raises(Interrupted, match="what the teachers said so far is kept"):
        train(suite, out, teachers=[folder])
    assert (out / ASKED / "1" / "1.safetensors").is_file()
    with monkeypatch.context() as patch, pytest.raises(MachineError):
        patch.setattr(Trainer, "run", Mock(side_effect=MachineError("out of memory")))
        train(stored_suite(out), out, resume=True)
    assert [part.split()[2] for part in asked[:3]] == ["1", "2", "2"]
    count = len(asked)
    train(suite, out, teachers=[folder])  # the answers lie there until a state is saved
    assert len(asked) == count
    assert not (out / ASKED).exists()
    for name, said in read_arrays(tmp_path / "whole" / TEACHER).items():
        np.testing.assert_array_equal(read_arrays(out / TEACHER)[name], said)
