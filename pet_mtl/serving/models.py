"""The checkpoints of a server: found by task and name, read again when they change."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pet_mtl.cloze.shorten import MOST_WINDOWS
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError, panics_as_errors
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.serving.api_error import ApiError, shown
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.suite.task import TaskSpec
from pet_mtl.text import one_line
from pet_mtl.words.watch import Stamp, stamp, stamps

_CHECK_EVERY = 1.0  # seconds


@dataclass(frozen=True)
class Served:
    """One checkpoint in memory. It never changes: a changed folder becomes another one.

    Attributes:
        stamp: of its manifest, from before it was read.
    """

    name: str
    folder: Path
    loaded: LoadedCheckpoint
    stamp: Stamp | None
    since: float = field(default_factory=time.time)

    @cached_property
    def costs(self) -> dict[str, tuple[int, int]]:
        """For each task the tokens of an empty prompt and the number of prompts that a row
        needs, patterns and lengths of label words together."""
        found: dict[str, tuple[int, int]] = {}
        for form in self.loaded.forms:
            length, prompts = found.get(form.task, (0, 0))
            own = form.constant_length + form.masks[-1]
            found[form.task] = max(length, own), prompts + len(form.masks)
        return found

    def tokens(self, task: TaskSpec, columns: dict[str, list[str]]) -> int:
        """Estimate the tokens of some rows, a character for one: exact for Chinese, too many for
        others."""
        constant, prompts = self.costs[task.name]
        longest = self.loaded.suite.train.max_length
        if task.long_text == "windows":
            longest *= MOST_WINDOWS
        rows = zip(*columns.values(), strict=True)
        return prompts * sum(int(min(longest, constant + sum(map(len, row)))) for row in rows)


def load_served(name: str, folder: Path) -> Served:
    """Read a checkpoint, build its model and score a row with it, so that no request waits for it.

    Raises:
        PetMtlError: see `read_checkpoint`.
    """
    before = stamp(folder / MANIFEST)
    loaded = LoadedCheckpoint(folder)
    task = next(iter(loaded.suite.tasks.values()))
    loaded.log_probs({task.name: Rows.of({name: ["一"] for name in task.fields})}, title="warming")
    return Served(name, folder, loaded, before)


def names_of(folders: Sequence[Path]) -> list[str]:
    """Name checkpoints after their folders, or after those above where these are all called
    `checkpoint`.

    >>> names_of([Path("runs/a/checkpoint"), Path("b"), Path("old/b")])
    ['a', 'b', 'b-2']
    """
    names: list[str] = []
    for folder in folders:
        parts = [part for part in folder.absolute().parts[1:] if part != "checkpoint"]
        name = plain = parts[-1] if parts else "checkpoint"
        number = 1
        while name in names:
            number += 1
            name = f"{plain}-{number}"
        names.append(name)
    return names


def _lines(error: Exception) -> list[str]:
    if isinstance(error, PetMtlError):
        return error.lines()
    return [one_line(f"{type(error).__name__}: {error}")]


class Models:
    """The checkpoints of a server.

    Args:
        folders: of the checkpoints.
        on_reload: told the name and `ok` or `failed` when a changed checkpoint was read.

    Raises:
        PetMtlError: one of them is not right, or the same folder stands twice.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        on_reload: Callable[[str, str], None] = lambda name, result: None,
    ) -> None:
        places = [folder.resolve() for folder in folders]
        for number, place in enumerate(places):
            if place in places[:number]:
                raise PetMtlError("this checkpoint is named twice", where=str(folders[number]))
        self._served = {
            name: load_served(name, folder)
            for name, folder in zip(names_of(folders), folders, strict=True)
        }
        self._failed: dict[str, dict[Path, Stamp | None]] = {}
        self._on_reload = on_reload
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def served(self) -> tuple[Served, ...]:
        """The checkpoints as they are now."""
        return tuple(self._served.values())

    def find(self, task: str, model: str | None = None) -> tuple[Served, TaskSpec]:
        """Return the checkpoint that answers for a task.

        Raises:
            ApiError: 422, no such task or model, or several models for the task.
        """
        if model is not None and model not in self._served:
            names = ", ".join(map(shown, self._served))
            raise ApiError(
                422, "unknown_model", f"no model `{shown(model)}`", hint=f"the models are {names}"
            )
        chosen = self.served if model is None else (self._served[model],)
        knowing = [served for served in chosen if task in served.loaded.suite.tasks]
        if not knowing:
            names = ", ".join(dict.fromkeys(t for s in chosen for t in s.loaded.suite.tasks))
            raise ApiError(
                422, "unknown_task", f"no task `{shown(task)}`", hint=f"the tasks are {names}"
            )
        if len(knowing) > 1:
            names = ", ".join(served.name for served in knowing)
            raise ApiError(
                422,
                "which_model",
                f"several models know the task `{task}`",
                hint=f'add "model": one of {names}',
            )
        return knowing[0], knowing[0].loaded.suite.tasks[task]

    def reload_changed(self) -> list[str]:
        """Read the checkpoints that were written anew; one that is not right leaves the old one.

        Returns:
            The names of those that answer from now on.
        """
        done = []
        for name, old in list(self._served.items()):
            # a copy may write the manifest first: what failed is tried again when any file changes
            files = stamps(old.folder.glob("*"))
            now = files.get(old.folder / MANIFEST)
            if now in (None, old.stamp) or files == self._failed.get(name):
                continue
            try:
                with panics_as_errors("the checkpoint cannot be read"):
                    new = load_served(name, old.folder)
            except Exception as error:  # whatever a damaged file leads to: the watcher goes on
                if stamps(old.folder.glob("*")) == files:  # else it is still being written
                    self._failed[name] = files
                    self._on_reload(name, "failed")
                    say(f"error: `{name}` was changed and cannot be read; the old one stays")
                    for line in _lines(error):
                        say(f"error: {line}")
                continue
            self._served[name] = new
            self._failed.pop(name, None)
            self._on_reload(name, "ok")
            say(f"`{name}` was changed and read again")
            done.append(name)
        return done

    def watch(self) -> None:
        """Begin to look for changed checkpoints, in a thread."""

        def look() -> None:
            while not self._stop.wait(_CHECK_EVERY):
                self.reload_changed()

        self._watcher = threading.Thread(target=look, name="pet-mtl-reload", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Look no longer."""
        self._stop.set()
