"""The folder of a run: one run at a time, a log that grows line by line."""

import atexit
import contextlib
import itertools
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pet_mtl.atomic import link_target, recover_folder, write_errors, write_text
from pet_mtl.console import say
from pet_mtl.errors import PetMtlError
from pet_mtl.leftovers import sweep
from pet_mtl.storage.checked_json import read_bounded, read_records
from pet_mtl.storage.checkpoint import MANIFEST, read_checkpoint
from pet_mtl.storage.folder_kinds import BEGUN, refuse_others
from pet_mtl.storage.lock import lock_file
from pet_mtl.storage.model_card import CARD
from pet_mtl.storage.trackers import Trackers
from pet_mtl.suite.suite import Suite

TEACHER = "teacher.safetensors"
ASKED = ".asked"  # folder of what teachers said, in blocks, until the run has saved a state
_FILES = ("metrics.jsonl", "report.html", TEACHER)
_chosen = set[Path]()  # folders that `next_run_folder` made


class RunFolder:
    """The output folder of a training run, locked while the run lives.

    Layout: `checkpoint/` (the best) or what `kept` names, `last/` (for `--resume`),
    `metrics.jsonl`, `report.html`; with teachers their answers, `teacher.safetensors`.

    Args:
        path: made where it is missing.
        resume: go on with the run that is there.
        kept: name of the folder that the run is for.
        report_to: trackers that get the log too.
        begun: what a run needs to begin anew, as JSON; kept in the folder until there is a state to
            go on from.

    Raises:
        PetMtlError: another run holds the folder; it already holds a run and `resume` is off, or
            none and it is on; it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        resume: bool,
        kept: str = "checkpoint",
        begun: str = "{}",
        report_to: Sequence[str] = (),
    ) -> None:
        self.path = path
        self.checkpoint = path / kept
        self.last = path / "last"
        self.metrics = path / "metrics.jsonl"
        self.report = path / "report.html"
        self._trackers = Trackers(report_to, path)
        with write_errors(path):
            if resume and not path.is_dir():
                raise PetMtlError(
                    "there is no run to resume", where=str(path), hint="leave `--resume` out"
                )
            place = link_target(path).absolute()
            self._made = [
                folder
                for folder in (place, *place.parents)
                if folder in _chosen or not folder.exists()
            ]
            place.mkdir(parents=True, exist_ok=True)
            self._lock = lock_file(path / ".lock")
            if self._lock is None:
                raise PetMtlError(
                    "another run is using the folder",
                    where=str(path),
                    hint="wait for it, or choose another with `--out DIR`",
                )
            self._lock.truncate(0)
            self._lock.write(str(os.getpid()))
            self._lock.flush()
        try:
            self._prepare(resume, begun)
        except PetMtlError:
            self.close()
            raise

    def _prepare(self, resume: bool, begun: str) -> None:
        """Check what the folder holds, and clear away what a killed run left half done."""
        refuse_others(self.path)
        for folder in (self.checkpoint, self.last):
            recover_folder(folder)
        for name in (self.checkpoint.name, self.last.name, *_FILES, BEGUN):
            sweep(self.path / name)
        for name in (MANIFEST, CARD):  # which are written anew with a calibration
            sweep(self.checkpoint / name)
        if self.last.exists():
            if not resume:
                raise _in_use(self.path)
            return
        if (self.path / BEGUN).is_file():
            say(f"{self.path}: its run was stopped before it saved a state: beginning anew")
            shutil.rmtree(self.checkpoint, ignore_errors=True)
        elif resume:
            raise _nothing_to_resume(self.path)
        elif self.checkpoint.exists():
            raise _in_use(self.path)
        # what a run leaves that failed before it saved anything; `resume` cannot ask teachers again
        for file in (self.metrics, *(() if resume else (self.path / TEACHER,))):
            with write_errors(file):
                file.unlink(missing_ok=True)
        write_text(self.path / BEGUN, begun + "\n")

    def log(self, record: dict[str, Any]) -> None:
        """Append one line to `metrics.jsonl`, and give it to the trackers."""
        with write_errors(self.metrics), self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._trackers.write(record)

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl`; a line that a killed run left unfinished is dropped,
        as are damaged ones."""
        return read_records(self.metrics)

    def forget_after(self, step: int) -> None:
        """Drop the log lines of steps that a resumed run will do again."""
        kept = [record for record in self.records() if record["step"] <= step]
        write_text(
            self.metrics, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept)
        )

    def close(self) -> None:
        """Give the folder back; folders that this run made and left empty go away."""
        self._trackers.close()
        if self.last.exists():  # a run that begins anew reads what teachers said
            shutil.rmtree(self.path / ASKED, ignore_errors=True)
        marks = self.checkpoint, self.metrics, self.path / ASKED
        begun = any(mark.exists() for mark in marks)
        if self._lock is not None and (self.last.exists() or not begun):
            with contextlib.suppress(OSError):
                (self.path / BEGUN).unlink()
        if self._lock is not None:
            # removed while it is held: nobody else's goes away
            with self._lock, contextlib.suppress(OSError):
                (self.path / ".lock").unlink()
            self._lock = None
        for folder in self._made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _in_use(path: Path) -> PetMtlError:
    return PetMtlError(
        "the folder already holds a run",
        where=str(path),
        hint="go on with it with `--resume`, or choose another folder with `--out DIR`",
    )


def _nothing_to_resume(path: Path) -> PetMtlError:
    held = (path / "checkpoint").exists()
    return PetMtlError(
        "there is no saved state to go on from: the run was stopped too early"
        if held
        else "there is no run to resume",
        where=str(path),
        hint="train again in another folder with `--out DIR`" if held else "leave `--resume` out",
    )


def has_state(path: Path) -> bool:
    """Return whether the run in a folder has a state to go on from."""
    # in this order: another process may be renaming the first to the second
    return (path / ".last.old").is_dir() or (path / "last").is_dir()


def begun_run(path: Path) -> dict[str, Any] | None:
    """Return what the run in a folder noted when it began; None where it has noted nothing.

    Raises:
        PetMtlError: the note is damaged.
    """
    file = path / BEGUN
    try:
        note = json.loads(read_bounded(file))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged_note(file) from error
    if not isinstance(note, dict):
        raise _damaged_note(file)
    return note


def begun_note(suite: Suite, teachers: Sequence[Path]) -> str:
    """Return what a training run notes when it begins."""
    folders = [str(folder.resolve()) for folder in teachers]
    return json.dumps({"suite": suite.model_dump(mode="json"), "teachers": folders})


def begun_teachers(path: Path) -> list[Path]:
    """Return the teachers that a run which begins anew has to ask; none where their answers are in
    its folder.

    Raises:
        PetMtlError: the note is damaged.
    """
    folders = (begun_run(path) or {}).get("teachers", [])
    if not isinstance(folders, list) or not all(isinstance(each, str) for each in folders):
        raise _damaged_note(path / BEGUN)
    return [] if (path / TEACHER).is_file() else [Path(folder) for folder in folders]


def _damaged_note(file: Path) -> PetMtlError:
    return PetMtlError("damaged", where=str(file), hint="train without `--resume`")


def stored_suite(path: Path) -> Suite:
    """Return the suite of the run in a folder.

    Raises:
        PetMtlError: there is no run to go on with, or its state is damaged.
    """
    with write_errors(path):
        recover_folder(path / "last")
    if (path / "last").exists():
        return read_checkpoint(path / "last").suite
    note = begun_run(path)
    if note is None:
        raise _nothing_to_resume(path)
    try:
        return Suite.model_validate_json(json.dumps(note["suite"]))
    except (ValueError, KeyError) as error:
        raise _damaged_note(path / BEGUN) from error


def next_run_folder(name: str) -> Path:
    """Make the first of `runs/NAME-1`, `runs/NAME-2`, … that is free, and return it: runs that
    begin at one moment get one each. What is left empty goes away with the process.

    Raises:
        PetMtlError: it cannot be made.
    """
    for number in itertools.count(1):
        path = Path("runs") / f"{name}-{number}"
        with write_errors(path):
            path.parent.mkdir(exist_ok=True)
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                _chosen.add(path.absolute())
                break
    return path


def give_back(path: Path) -> None:
    """Remove a folder that `next_run_folder` made, and the one around it, if nothing was written
    there: a program that goes on would have one more for each call that failed."""
    if (folder := path.absolute()) in _chosen:
        for each in (folder, folder.parent):
            with contextlib.suppress(OSError):  # it holds something, or has gone
                each.rmdir()


@atexit.register
def remove_chosen() -> None:
    """Remove the folders that `next_run_folder` made and nothing was written to."""
    for folder in _chosen:
        give_back(folder)
