import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.storage import tensorboard
from pet_mtl.storage.tensorboard import TensorBoard, scalars


def test_nothing_happens_without_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    board = TensorBoard(tmp_path)
    board.write({"step": 1, "rows": 2})
    board.close()
    assert list(tmp_path.iterdir()) == []


def test_records_become_scalars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            self.folder, self.purge_step, self.scalars, self.closed = (
                folder,
                purge_step,
                list[Any](),
                False,
            )
            made.append(self)

        def add_scalar(self, *scalar: object) -> None:
            self.scalars.append(scalar)

        def close(self) -> None:
            self.closed = True

    module = types.ModuleType("torch.utils.tensorboard")
    monkeypatch.setattr(module, "SummaryWriter", Writer, raising=False)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: name)
    board = TensorBoard(tmp_path)
    board.write({"step": 10, "loss": {"a": 0.5}})
    board.write({"step": 12, "dev": {"a": {"macro_f1": 0.25}}, "mean_macro_f1": 0.25})
    board.close()
    (writer,) = made
    assert (writer.folder, writer.purge_step, writer.closed) == (
        str(tmp_path / "tensorboard"),
        10,
        True,
    )
    assert writer.scalars == [
        ("loss/a", 0.5, 10),
        ("dev/a/macro_f1", 0.25, 12),
        ("mean_macro_f1", 0.25, 12),
    ]


def test_a_task_named_step_keeps_its_loss() -> None:
    assert scalars({"step": 3, "loss": {"step": 1.0}}) == {"loss/step": 1.0}
