"""Slot states on disk: each prompt's once for a model and a number of masks.

An entry is a folder with one safetensors file, named after the model, the pattern and the number of
masks. It holds the states of all prompts that were read so, found by a hash of their token ids:
other rows, other parts of the data and texts that are cut elsewhere only add what is new.
"""

import hashlib
import json
import os
import shutil
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from pet_mtl.atomic import new_folder, recover_folder
from pet_mtl.cloze.form import Form
from pet_mtl.console import say
from pet_mtl.errors import PetMtlError
from pet_mtl.words.states import Keys, Model, SlotStates

FORMAT_VERSION = 1
MOST_BYTES = 4 << 30  # beyond this, the entries that were not used for longest go
MOST_OPEN = 2 << 30  # bytes in memory: who tries many patterns opens many entries
_FILE = "states.safetensors"
# of a config: they change no state
_IRRELEVANT = ("_name_or_path", "transformers_version", "dtype", "architectures")


def default_place() -> Path | None:
    """Return the user's cache folder for slot states; None for a user without a home folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not home.is_absolute():
        try:
            home = Path.home() / ".cache"
        except RuntimeError:
            return None
    return home / "pet_mtl" / "slot_states"


def model_digest(model: Model) -> str:
    """Return a digest of all that decides a prompt's states: weights, architecture, mask, number
    format."""
    mlm, machine = model.backbone.mlm, model.machine
    config = {key: value for key, value in mlm.config.to_dict().items() if key not in _IRRELEVANT}
    facts = [
        machine.device.type,
        machine.precision.value,
        machine.attention.value,
        model.tokenizer.mask_id,
    ]
    digest = hashlib.sha256(
        json.dumps([FORMAT_VERSION, config, facts], sort_keys=True, default=str).encode()
    )
    for name, tensor in mlm.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: torch.Tensor) -> memoryview:
    return memoryview(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())  # type: ignore[arg-type]  # numpy's stubs


@dataclass(frozen=True)
class _Stored:
    """The states of prompts in the ascending order of their keys."""

    keys: Keys
    slots: SlotStates

    def find(self, keys: Keys) -> npt.NDArray[np.int64]:
        """Return the place of each prompt, -1 where it is not there."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        at = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[at] == keys, at, -1)

    def merged(self, keys: Keys, slots: SlotStates) -> "_Stored":
        all_keys = np.concatenate([self.keys, keys])
        joined = SlotStates(
            torch.cat([self.slots.states, slots.states]),
            torch.cat([self.slots.log_normalizer, slots.log_normalizer]),
        )
        order = np.argsort(all_keys)
        return _Stored(all_keys[order], joined.take(order))


class StateCache:
    """The states of one model, in memory and on disk.

    Args:
        place: the folder that entries are kept in; None keeps them in memory only.
        model: see `model_digest`.
    """

    def __init__(self, place: Path | None, model: str) -> None:
        self.place, self.model = place, model
        self._open: dict[str, _Stored] = {}

    def read(
        self,
        form: Form,
        keys: Keys,
        masks: int,
        compute: Callable[[npt.NDArray[np.int64]], SlotStates],
    ) -> SlotStates:
        """Return the states of prompts, in their order; what is not there yet is computed and kept.

        Args:
            keys: of the prompts, see `prompt_keys`; all of `form`.
            compute: returns the states of the prompts at some indices into `keys`.
        """
        name = hashlib.sha256(f"{self.model} {form.parts} {masks}".encode()).hexdigest()[:32]
        stored = self._open.get(name) or self._load(name, masks)
        at = stored.find(keys) if stored is not None else np.full(len(keys), -1)
        if (at < 0).any():
            missing, first = np.unique(keys[at < 0], return_index=True)
            slots = compute(np.flatnonzero(at < 0)[first])
            stored = stored.merged(missing, slots) if stored else _Stored(missing, slots)
            self._keep(name, stored)
            at = stored.find(keys)
        assert stored is not None
        self._open.pop(name, None)
        self._open[name] = stored  # the last one used stands last
        self._close_old()
        return stored.slots.take(at)

    def _close_old(self) -> None:
        """Forget the entries that were not used for longest, until the rest is small enough; on
        disk they stay."""
        sizes = {name: each.slots.states.nbytes for name, each in self._open.items()}
        total = sum(sizes.values())
        for name in list(self._open)[:-1]:
            if self.place is None or total <= MOST_OPEN:
                return
            total -= sizes[name]
            del self._open[name]

    def _load(self, name: str, masks: int) -> _Stored | None:
        if self.place is None:
            return None
        from safetensors import SafetensorError

        folder = self.place / name
        try:
            recover_folder(folder)
            if not folder.is_dir():
                return None
            stored = _read(folder / _FILE, masks)
            os.utime(folder)
        except (SafetensorError, OSError, ValueError) as error:
            say(f"warning: {folder} is damaged ({error}): computing its states anew")
            return None
        return stored

    def _keep(self, name: str, stored: _Stored) -> None:
        if self.place is None:
            return
        try:
            with new_folder(self.place / name) as folder:
                _write(folder / _FILE, stored)
        except PetMtlError as error:
            problem = error.problems[0]
            say(f"warning: the slot states are not kept: {problem.where}: {problem.message}")
        with suppress(OSError):  # another process may be doing the same
            self._drop_old()
            self._drop_left()

    def _drop_old(self) -> None:
        """Remove the entries that were not used for longest, until the rest is small enough; the
        newest stays."""
        assert self.place is not None
        entries = sorted(
            self.place.glob(f"*/{_FILE}"), key=lambda file: -file.parent.stat().st_mtime
        )
        total = 0
        for number, file in enumerate(entries):
            total += file.stat().st_size
            if number and total > MOST_BYTES:
                shutil.rmtree(file.parent, ignore_errors=True)

    def _drop_left(self) -> None:
        """Remove what killed writers left; what is younger than an hour may be in the making."""
        assert self.place is not None
        for left in self.place.glob(".*"):
            if left.is_dir() and left.stat().st_mtime < time.time() - 3600:
                shutil.rmtree(left, ignore_errors=True)


def _write(file: Path, stored: _Stored) -> None:
    from safetensors.torch import save_file

    tensors = {
        "keys": torch.from_numpy(stored.keys.view(np.int64)),
        "states": stored.slots.states,
        "log_normalizer": stored.slots.log_normalizer,
    }
    save_file(tensors, file, metadata={"crc32": _checksum(tensors)})


def _read(file: Path, masks: int) -> _Stored:
    from safetensors import safe_open

    # memory-mapped: only rows that are taken are copied
    with safe_open(file, framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in ("keys", "states", "log_normalizer")}
        if opened.metadata() != {"crc32": _checksum(tensors)}:
            raise ValueError("its checksum is another")
    _check_tensors(**tensors)
    keys = tensors["keys"].numpy().view(np.uint64)
    if tensors["states"].shape[1] != masks:
        raise ValueError("it has another number of masks")
    if (keys[1:] <= keys[:-1]).any():
        raise ValueError("its keys are in no order")
    return _Stored(keys, SlotStates(tensors["states"], tensors["log_normalizer"]))


def _check_tensors(keys: torch.Tensor, states: torch.Tensor, log_normalizer: torch.Tensor) -> None:
    """Refuse tensors that are no states, whose checksum fits nevertheless."""
    rows = len(keys) if keys.ndim == 1 else -1
    fits = states.ndim == 3 and len(states) == rows and log_normalizer.shape == states.shape[:2]
    numbers = states.is_floating_point() and log_normalizer.is_floating_point()
    if not fits or not numbers or keys.dtype != torch.int64:
        raise ValueError("its tensors do not fit each other")


def _checksum(tensors: dict[str, torch.Tensor]) -> str:
    total = 0
    for name in sorted(tensors):
        total = zlib.crc32(_bytes(tensors[name]), total)
    return f"{total:08x}"
