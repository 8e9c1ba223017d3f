"""Several processes behind one socket, each with its own models."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pet_mtl.console import complain, say
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.serving.guard import Access
from pet_mtl.serving.limits import Limits
from pet_mtl.serving.metrics import MULTIPROC
from pet_mtl.stop_signals import heard

_WORK = "from pet_mtl.serving.workers import work; work()"
_MOST_DEATHS, _WITHIN = 5, 60.0  # more deaths in so many seconds end the server


@dataclass(frozen=True)
class Settings:
    """All that a process needs to serve."""

    folders: tuple[Path, ...]
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    batch_tokens: int = 4096
    wait: float = 0.002
    log_texts: bool = False

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "folders": [str(folder) for folder in self.folders]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Settings":
        access = Access(**{**value["access"], "names": tuple(value["access"]["names"])})
        return cls(
            **{
                **value,
                "folders": tuple(map(Path, value["folders"])),
                "access": access,
                "limits": Limits(**value["limits"]),
            }
        )


def _tell(settings: Settings, opened: socket.socket) -> None:
    """Say where the checkpoints answer, once they are known to be right."""
    from pet_mtl.serving.server import address_of

    say(f"listening on {address_of(opened, settings.access.host)}; Ctrl-C ends")


def serve_here(settings: Settings, opened: socket.socket, *, parent: Any = None) -> int:
    """Serve in this process until it is stopped; return the exit status.

    Args:
        parent: a stream that ends with the process that started this one, which then stops too.

    Raises:
        PetMtlError: a checkpoint is not right.
    """
    from pet_mtl.serving.app import create_app
    from pet_mtl.serving.metrics import Metrics
    from pet_mtl.serving.models import Models
    from pet_mtl.serving.server import run_server

    metrics = Metrics()
    models = Models(
        settings.folders, lambda name, result: metrics.reloads.labels(name, result).inc()
    )
    app = create_app(
        models,
        access=settings.access,
        limits=settings.limits,
        metrics=metrics,
        batch_tokens=settings.batch_tokens,
        wait=settings.wait,
        log_texts=settings.log_texts,
    )

    def on_start(stop: Any) -> None:
        tasks = ", ".join(task for served in models.served for task in served.loaded.suite.tasks)
        if parent is None:
            _tell(settings, opened)
        say(f"ready: {tasks}")
        if parent is not None:

            def wait() -> None:
                parent.read()
                stop()

            threading.Thread(target=wait, daemon=True).start()

    return run_server(app, opened, settings.limits, on_start=on_start)


def work() -> None:
    """Be one of several processes: settings come as a line on stdin, the socket as a file
    descriptor."""
    from pet_mtl import console
    from pet_mtl.model import light_import
    from pet_mtl.model.allocator import keep_freed_memory

    light_import.wanted = True
    keep_freed_memory()
    console.show()
    given = json.loads(sys.stdin.readline())
    opened = socket.socket(fileno=given["socket"])
    try:
        sys.exit(serve_here(Settings.from_json(given["settings"]), opened, parent=sys.stdin))
    except PetMtlError as error:
        for line in error.lines():
            complain(f"error: {line}")
        sys.exit(error.exit_code)


class Workers:
    """Several processes; one that dies is started again.

    Args:
        count: of the processes; the cores are shared out among them.
    """

    def __init__(self, settings: Settings, opened: socket.socket, count: int) -> None:
        self._settings, self._opened, self._count = settings, opened, count
        self._stopped_by: int | None = None
        self._at_once = False
        self._deaths: list[float] = []

    def run(self) -> int:
        """Serve until SIGINT, SIGTERM or SIGHUP; return the exit status: 0, or 130 after Ctrl-C.

        Raises:
            RunError: processes die again and again.
            PetMtlError: a checkpoint is not right; a process found its input wrong, and has said
                so.
        """
        from pet_mtl.storage.checkpoint import read_checkpoint

        for folder in self._settings.folders:  # once here: else each process tells what is wrong
            read_checkpoint(folder)
        _tell(self._settings, self._opened)
        before = {number: signal.signal(number, self._stop) for number in heard()}
        try:
            with tempfile.TemporaryDirectory(prefix="pet-mtl-metrics-") as counts:
                running = [self._start(counts) for _ in range(self._count)]
                try:
                    self._watch(running, counts)
                finally:
                    self._end(running)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return 130 if self._stopped_by == signal.SIGINT else 0

    def _stop(self, number: int, frame: object) -> None:
        if self._stopped_by is not None and number == signal.SIGINT:
            self._at_once = True
        self._stopped_by = self._stopped_by or number

    def _start(self, counts: str) -> "subprocess.Popen[str]":
        threads = str(max(1, (os.cpu_count() or 1) // self._count))
        process = subprocess.Popen(
            [sys.executable, "-c", _WORK],
            stdin=subprocess.PIPE,
            text=True,
            pass_fds=[self._opened.fileno()],
            start_new_session=True,  # Ctrl-C in the terminal is for this process, which tells them
            env={"OMP_NUM_THREADS": threads, **os.environ, MULTIPROC: counts},
        )
        assert process.stdin is not None
        line = {"settings": self._settings.to_json(), "socket": self._opened.fileno()}
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        return process

    def _watch(self, running: "list[subprocess.Popen[str]]", counts: str) -> None:
        from prometheus_client import multiprocess

        while self._stopped_by is None:
            time.sleep(0.1)
            for number, process in enumerate(running):
                code = process.poll()
                if code is None or self._stopped_by is not None:
                    continue
                multiprocess.mark_process_dead(process.pid, path=counts)  # type: ignore[no-untyped-call]
                if code == 2:
                    raise PetMtlError("a worker could not start")
                now = time.monotonic()
                self._deaths = [t for t in self._deaths if now - t < _WITHIN] + [now]
                if len(self._deaths) > _MOST_DEATHS:
                    raise RunError("the workers end again and again", where=f"exit status {code}")
                say(f"warning: worker {process.pid} ended with status {code}; starting another")
                running[number] = self._start(counts)

    def _end(self, running: "Sequence[subprocess.Popen[str]]") -> None:
        """Have all processes answer what they accepted, and wait for them; a second Ctrl-C is
        theirs, too."""
        self._opened.close()  # the last one: a client that comes now is refused at once
        for process in running:
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + self._settings.limits.drain_seconds + 5
        while time.monotonic() < until and any(process.poll() is None for process in running):
            time.sleep(0.1)
            if self._at_once:
                self._at_once = False
                for process in running:
                    process.send_signal(signal.SIGINT)
        for process in running:
            process.kill()
            process.wait()
