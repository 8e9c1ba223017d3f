"""The folder of a run: one run at a time, a log that grows line by line."""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pet_mtl.atomic import recover_folder, sweep_folder, write_errors, write_text
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.storage.lock import lock_file
from pet_mtl.storage.trackers import Trackers
from pet_mtl.suite.suite import Suite

TEACHER = "teacher.safetensors"


class RunFolder:
    """The output folder of a training run, locked while the run lives.

    Layout: `checkpoint/` (the best) or what `kept` names, `last/` (for `--resume`),
    `metrics.jsonl`, `report.html`; with teachers their answers, `teacher.safetensors`.

    Args:
        path: made where it is missing.
        resume: go on with the run that is there.
        kept: name of the folder that the run is for.
        report_to: trackers that get the log too.

    Raises:
        PetMtlError: another run holds the folder; it already holds a run and `resume` is off, or
            none and it is on; it cannot be written.
    """

    def __init__(
        self, path: Path, *, resume: bool, kept: str = "checkpoint", report_to: Sequence[str] = ()
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
            self._made = [folder for folder in (path, *path.parents) if not folder.exists()]
            path.mkdir(parents=True, exist_ok=True)
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
            self._prepare(resume)
        except PetMtlError:
            self.close()
            raise

    def _prepare(self, resume: bool) -> None:
        """Check what the folder holds, and clear away what a killed run left half done."""
        for folder in (self.checkpoint, self.last):
            sweep_folder(folder)
        if resume and not self.last.exists():
            raise _nothing_to_resume(self.path)
        if not resume and (self.checkpoint.exists() or self.last.exists()):
            raise PetMtlError(
                "the folder already holds a run",
                where=str(self.path),
                hint=("go on with it with `--resume`, or choose another folder with `--out DIR`"),
            )
        if not resume:  # what a run leaves that failed before it saved anything
            for file in (self.metrics, self.path / TEACHER):
                with write_errors(file):
                    file.unlink(missing_ok=True)

    def log(self, record: dict[str, Any]) -> None:
        """Append one line to `metrics.jsonl`, and give it to the trackers."""
        with write_errors(self.metrics), self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._trackers.write(record)

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl`; a line that a killed run left unfinished is
        dropped."""
        records = []
        if self.metrics.is_file():
            for line in self.metrics.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    records.append(json.loads(line))
                except ValueError:
                    continue
        return records

    def forget_after(self, step: int) -> None:
        """Drop the log lines of steps that a resumed run will do again."""
        kept = [record for record in self.records() if record.get("step", 0) <= step]
        write_text(
            self.metrics, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept)
        )

    def close(self) -> None:
        """Give the folder back; folders that this run made and left empty go away."""
        self._trackers.close()
        if self._lock is not None:
            with (
                self._lock,
                contextlib.suppress(OSError),
            ):  # removed while it is held: nobody else's goes away
                (self.path / ".lock").unlink()
            self._lock = None
        for folder in self._made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _nothing_to_resume(path: Path) -> PetMtlError:
    held = (path / "checkpoint").exists()
    return PetMtlError(
        "there is no saved state to go on from: the run was stopped too early"
        if held
        else "there is no run to resume",
        where=str(path),
        hint=("train again in another folder with `--out DIR`") if held else "leave `--resume` out",
    )


def stored_suite(path: Path) -> Suite:
    """Return the suite of the run in a folder.

    Raises:
        PetMtlError: there is no run to go on with, or its state is damaged.
    """
    with write_errors(path):
        recover_folder(path / "last")
        if not (path / "last").exists():
            raise _nothing_to_resume(path)
    return read_checkpoint(path / "last").suite


def next_run_folder(name: str) -> Path:
    """Return the first of `runs/NAME-1`, `runs/NAME-2`, … that does not exist."""
    number = 1
    while (path := Path("runs") / f"{name}-{number}").exists():
        number += 1
    return path
