"""The journal file of a sweep's trials, which full disks and killed processes do not damage.

Optuna's own leaves half a line behind where the disk is full; the next line is appended to it, and
from then on the file cannot be read. Its lock is a link that a killed process leaves behind, and
below a relative path it leads nowhere: then it is waited for without end.
"""

import json
import os
from collections.abc import Generator
from io import FileIO
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

from pet_mtl.atomic import write_errors
from pet_mtl.console import say
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.lock import held


class Journal(JournalFileBackend):
    """Lines of JSON in a file, each of them whole; several processes may append.

    Raises:
        PetMtlError, MachineError: the file cannot be made.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        with write_errors(file):
            super().__init__(str(file))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines, all or none.

        Raises:
            PetMtlError, MachineError: they cannot be written; the disk is full.
        """
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        # unbuffered: nothing is left that closing the file would write
        lock = self.file.with_name(f".{self.file.name}.lock")
        with write_errors(self.file), held(lock, wait=True), FileIO(self.file, "a+") as file:
            if _cut_torn_line(file):
                say(f"{self.file}: its last line was never written to the end: dropped")
            _append(file, lines.encode())

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Yield the lines from a number on.

        Raises:
            PetMtlError: one is damaged.
        """
        try:
            yield from super().read_logs(log_number_from)
        except (ValueError, RecursionError) as error:
            raise damaged(self.file) from error


def damaged(file: Path) -> PetMtlError:
    """Return what is said of a journal that cannot be read."""
    return PetMtlError("damaged", where=str(file), hint="choose another folder with `--out DIR`")


def _cut_torn_line(file: FileIO) -> bool:
    """Cut off what follows the last end of a line; return whether anything did."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
    if file.read() in (b"", b"\n"):
        return False
    file.seek(0)
    file.truncate(file.readall().rfind(b"\n") + 1)
    return True


def _append(file: FileIO, data: bytes) -> None:
    end = file.seek(0, os.SEEK_END)
    try:
        while data:
            data = data[file.write(data) :]
        os.fsync(file.fileno())
    except BaseException:
        file.truncate(end)
        raise
