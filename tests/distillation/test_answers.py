from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.distillation import answers as module
from pet_mtl.distillation.answers import ask, targets, together
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import build_kind
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.kind import KindSpec
from pet_mtl.training import ask as training_ask

ROWS = Rows.of({"text": ["a", "b", "c", "B"]}, labels=[0, 1, 2, -1])
NONE = float("nan")
KIND = build_kind(KindSpec(labels=("r", "g", "b")))


def test_the_mean_is_over_those_that_answered() -> None:
    one = np.array([[0.5, 0.5], [NONE, NONE], [NONE, NONE]], np.float32)
    two = np.array([[0.7, 0.3], [0.2, 0.8], [NONE, NONE]], np.float32)
    mean = together([one, two])
    np.testing.assert_allclose(mean[:2], [[0.6, 0.4], [0.2, 0.8]], rtol=1e-6)
    assert np.isnan(mean[2]).all()


def test_rows_that_none_may_label_have_their_own_label() -> None:
    said = np.full((4, 3), NONE, np.float32)
    said[0] = [0.2, 0.3, 0.5]
    found = targets(KIND, [said], ROWS)
    np.testing.assert_allclose(found[0], [0.2, 0.3, 0.5], rtol=1e-6)
    assert found[1:].tolist() == [[0, 1, 0], [0, 0, 1], [0, 1, 0]]  # `B` is the text of row 1
    lone = Rows.of({"text": ["z"]})
    assert np.isnan(targets(KIND, [np.full((1, 2), NONE, np.float32)], lone)).all()


def test_columns_in_another_order_are_barred_rows() -> None:
    """The teacher's task has them as premise and hypothesis, the students' the other way."""
    barred = row_keys(Rows.of({"one": ["一", "三"], "two": ["二", "四"]}))
    rows = Rows.of({"two": ["二", "五", "四"], "one": ["一", "六", "三"]})
    assert module._free(rows, barred, ("one", "two")).tolist() == [1]
    assert module._free(rows, None, ("one", "two")).tolist() == [0, 1, 2]


def test_answers_are_kept_and_barred_rows_are_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    taken_back: list[bool] = []

    def fake(
        loaded: Any, suite: Any, rows: dict[str, Rows], counted: Any, *more: object
    ) -> dict[str, FloatArray]:
        taken_back.append(counted is not None)
        asked.extend(
            [of_task.text(n)["text"] for n in range(len(of_task))] for of_task in rows.values()
        )
        return {
            name: np.full((len(of_task), 3), 1 / 3, np.float32) for name, of_task in rows.items()
        }

    task = SimpleNamespace(verbalizer=SimpleNamespace(labels="abc"), fields=("text",))
    suite: Any = SimpleNamespace(tasks={"toy": task})
    for asking in (module, training_ask):
        monkeypatch.setattr(asking, "ask_teacher", fake)
    monkeypatch.setattr(module, "LoadedCheckpoint", lambda folder: SimpleNamespace(suite=suite))
    file, dev = tmp_path / "answers" / "one.safetensors", ROWS.take(np.array([0]))
    barred = {"toy": row_keys(Rows.of({"text": ["b"]}))}

    def call() -> module.Answers:
        return ask(file, tmp_path, suite, {"toy": ROWS}, {"toy": dev}, {}, barred)

    left = file.parent / f".{file.name}.0123abcd.new"  # by a killed writer
    left.parent.mkdir()
    left.touch()
    first = call()
    assert not left.exists()
    assert asked == [["a", "c"], ["a"]]
    assert taken_back == [True, False]  # dev rows are answered as `score` sees them
    assert np.isnan(first.rows["toy"]).any(1).tolist() == [False, True, False, True]
    again = call()
    assert len(asked) == 2
    np.testing.assert_array_equal(again.rows["toy"], first.rows["toy"])
    np.testing.assert_array_equal(again.dev["toy"], first.dev["toy"])
    with pytest.raises(PetMtlError, match="is about other rows"):
        ask(file, tmp_path, suite, {"toy": dev}, {}, {}, {})
    with pytest.raises(PetMtlError, match="is about other rows"):
        ask(file, tmp_path, suite, {"toy": ROWS}, {"toy": ROWS}, {}, barred)
    task.verbalizer.labels = "abcd"
    with pytest.raises(PetMtlError, match="is about other rows or labels"):
        call()
    file.write_bytes(b"x")
    with pytest.raises(PetMtlError, match="cannot be read"):
        call()
