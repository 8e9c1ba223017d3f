from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import toys

from pet_mtl.cloze.form import Form
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.model.hardware import Machine
from pet_mtl.words import state_cache
from pet_mtl.words.state_cache import StateCache, default_place, model_digest
from pet_mtl.words.states import Model, SlotStates

FORM = Form("toy", 0, (), (1,), 1)
MASKS = 2


class Fake:
    """States that are made of the prompt's key, and a record of what was computed."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(
        self, keys: npt.NDArray[np.uint64]
    ) -> Callable[[npt.NDArray[np.int64]], SlotStates]:
        def compute(at: npt.NDArray[np.int64]) -> SlotStates:
            self.asked += keys[at].tolist()
            return states_of(keys[at])

        return compute


def states_of(keys: npt.NDArray[np.uint64]) -> SlotStates:
    values = torch.from_numpy(keys.astype(np.float32))
    states = values[:, None, None] + torch.arange(MASKS)[:, None] * 0.25 + torch.arange(3) * 0.5
    return SlotStates(states, values[:, None] + torch.arange(MASKS))


def read(cache: StateCache, keys: list[int], fake: Fake) -> None:
    wanted = np.array(keys, dtype=np.uint64)
    found = cache.read(FORM, wanted, MASKS, fake(wanted))
    assert torch.equal(found.states, states_of(wanted).states)
    assert torch.equal(found.log_normalizer, states_of(wanted).log_normalizer)


def test_each_prompt_is_computed_once(tmp_path: Path) -> None:
    fake, cache = Fake(), StateCache(tmp_path, "model")
    read(cache, [7, 3, 7, 11], fake)
    assert fake.asked == [3, 7, 11]
    read(cache, [11, 3], fake)
    read(StateCache(tmp_path, "model"), [3, 7, 11, 7], fake)
    assert fake.asked == [3, 7, 11]
    read(StateCache(tmp_path, "model"), [2, 11, 12], fake)
    assert fake.asked == [3, 7, 11, 2, 12]
    read(StateCache(tmp_path, "model"), [12, 11, 2, 7, 3], fake)
    assert len(fake.asked) == 5
    assert len(list(tmp_path.iterdir())) == 1


def test_memory_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fake, cache = Fake(), StateCache(None, "model")
    read(cache, [1, 2], fake)
    read(cache, [2, 3], fake)
    assert fake.asked == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []


def test_models_patterns_and_mask_counts_are_apart(tmp_path: Path) -> None:
    fake = Fake()
    read(StateCache(tmp_path, "one"), [1], fake)
    read(StateCache(tmp_path, "two"), [1], fake)
    keys = np.array([1], dtype=np.uint64)
    StateCache(tmp_path, "one").read(FORM, keys, MASKS + 1, fake(keys))
    assert fake.asked == [1, 1, 1]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_damaged_entries_are_computed_anew_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    fake = Fake()
    read(StateCache(tmp_path, "model"), [1, 2], fake)
    (file,) = tmp_path.glob("*/states.safetensors")
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        content[-3] ^= 1
    file.write_bytes(
        {"cut": content[:-5], "flipped": content, "empty": b"", "other": b"{" * 64}[damage]
    )
    capsys.readouterr()
    read(StateCache(tmp_path, "model"), [1, 2], fake)
    assert fake.asked == [1, 2, 1, 2]
    assert "is damaged" in capsys.readouterr().err
    read(StateCache(tmp_path, "model"), [1, 2], fake)
    assert len(fake.asked) == 4
    assert capsys.readouterr().err == ""


def test_a_place_that_cannot_be_written_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    fake, cache = Fake(), StateCache(tmp_path / "file", "model")
    read(cache, [1], fake)
    read(cache, [1], fake)
    assert fake.asked == [1]
    assert "warning: the slot states are not kept" in capsys.readouterr().err


def test_the_entries_used_longest_ago_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake()
    for number, name in enumerate("abc"):
        before = set(tmp_path.iterdir())
        read(StateCache(tmp_path, name), [1], fake)
        (folder,) = set(tmp_path.iterdir()) - before
        state_cache.os.utime(folder, (number, number))
    size = next(tmp_path.glob("*/*")).stat().st_size
    read(StateCache(tmp_path, "a"), [1], fake)  # used: now the newest
    monkeypatch.setattr(state_cache, "MOST_BYTES", 2 * size)
    read(StateCache(tmp_path, "d"), [1], fake)
    assert len(list(tmp_path.iterdir())) == 2
    fake.asked.clear()
    read(StateCache(tmp_path, "a"), [1], fake)
    read(StateCache(tmp_path, "d"), [1], fake)
    assert fake.asked == []


def test_model_digest(word_pieces: PieceTokenizer) -> None:
    def digest(
        family: str = "bert",
        precision: str = "fp32",
        attention: str = "eager",
        change: bool = False,
    ) -> str:
        mlm = toys.build_mlm(family, word_pieces.vocab_size)
        if change:
            with torch.no_grad():
                next(mlm.parameters())[3, 3] += 1e-3
        return model_digest(
            Model.of(mlm, word_pieces, Machine.choose(precision, attention, torch.device("cpu")))
        )

    assert digest() == digest()
    several = [
        digest(),
        digest(change=True),
        digest("ernie"),
        digest(precision="bf16"),
        digest(attention="sdpa"),
    ]
    assert len(set(several)) == len(several)


def test_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_place() == Path("/somewhere/pet_mtl/slot_states")
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert default_place() == Path.home() / ".cache/pet_mtl/slot_states"

    def homeless(cls: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", classmethod(homeless))
    assert default_place() is None  # states are kept in memory


def test_few_entries_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake, cache = Fake(), StateCache(tmp_path, "model")
    keys = np.array([1, 2], dtype=np.uint64)
    size = states_of(keys).states.nbytes
    monkeypatch.setattr(state_cache, "MOST_OPEN", 2 * size)
    for masks in (MASKS, MASKS, 3, 4, MASKS):
        cache.read(FORM, keys, masks, fake(keys))
    assert len(cache._open) == 2
    assert fake.asked == [1, 2] * 3  # on disk all are kept
