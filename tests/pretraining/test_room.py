import os
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining import room
from pet_mtl.pretraining.recipe import Shape


@pytest.fixture
def limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that says what a container may take."""
    monkeypatch.setattr(os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 1 << 18)
    monkeypatch.setattr(room, "_CGROUPS", (tmp_path / "memory.max", tmp_path / "no-such-file"))
    return tmp_path / "memory.max"


def test_a_model_larger_than_the_memory_is_refused(limit: Path) -> None:
    room.check_room(1 << 26, trained_here=True)  # a GiB
    room.check_room(1 << 28, trained_here=False)
    with pytest.raises(PetMtlError, match="model: this model has 67,108,865 parameters") as caught:
        room.check_room((1 << 26) + 1, trained_here=True)
    assert "and the machine has 1 GB" in str(caught.value)
    with pytest.raises(PetMtlError, match="which take 1 GB, and"):
        room.check_room((1 << 28) + 1, trained_here=False)


def test_the_limit_of_a_container_counts(limit: Path) -> None:
    limit.write_text("max\n", encoding="ascii")
    room.check_room(1 << 26, trained_here=True)
    limit.write_text("1000\n", encoding="ascii")
    with pytest.raises(PetMtlError, match="machine has 0 GB"):
        room.check_room(1 << 26, trained_here=True)


def test_what_is_not_known_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf")
    room.check_room(1 << 60, trained_here=True)


def test_the_parameters_of_a_shape() -> None:
    from pet_mtl.pretraining.recipe import build_mlm

    shape = Shape(hidden_size=32, layers=2, heads=4, positions=64)
    model = build_mlm(shape, 100, 0, seed=1, attention="eager", dropout=None)
    matrices = sum(p.numel() for p in model.bert.parameters() if p.ndim == 2)
    assert shape.parameters(100) == matrices - 2 * 32  # kinds of segments
