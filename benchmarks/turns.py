"""What the benchmarks share: sides that take turns, ratios of paired turns, results that are kept.

A machine's speed changes from minute to minute, so two products are never measured one after the
other: each side takes a turn of a few seconds in each round, and what is told is the ratio within
the rounds. No torch is imported here: on Linux a child's peak memory starts at what its parent
holds when it is started.
"""

import argparse
import contextlib
import json
import os
import platform
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pet_mtl.atomic import write_text
from pet_mtl.errors import PetMtlError

Turn = dict[str, Any]
Round = dict[str, Turn]
Result = dict[str, Any]


class SideError(Exception):
    """A side could not start or take a turn; the benchmark goes on with the next cell."""


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def processor() -> str:
    """Return the processor's name and the number of cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return (
        f"{names[0] if names else platform.processor() or platform.machine()}, "
        f"{os.cpu_count()} cores"
    )


def load_now() -> float:
    """Return how many processes want the machine, over the last minute; 0 where nobody counts."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def script_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help shows a script's docstring as it stands."""
    plain = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=doc, formatter_class=plain)


def run_script(main: Callable[[], object]) -> None:
    """Run a script; what its user gave wrongly ends it with a message and its exit code."""
    try:
        main()
    except PetMtlError as error:
        told, code = error.lines(), error.exit_code
    except FileNotFoundError as error:
        told, code = [f"{error.filename}: there is no such file"], 2
    else:
        return
    for line in told:
        say(f"error: {line}")
    sys.exit(code)


def start(*command: str | Path, limit: float | None = None) -> str:
    """Run a command in a fresh process and return its stdout.

    Args:
        limit: seconds that it may take.

    Raises:
        SystemExit: it failed, and its stderr is the message; it took longer.
    """
    written = [*map(str, command)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    if written[0] != sys.executable:  # another environment must not find our packages
        environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(
            written, env=environment, capture_output=True, encoding="utf-8", timeout=limit
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"error: took more than {limit:g} s: {' '.join(written)}")
    if done.returncode:
        sys.exit(f"error: failed: {' '.join(written)}\n{done.stderr}")
    return done.stdout


def last_json(stdout: str) -> Result:
    result: Result = json.loads(stdout.strip().splitlines()[-1])
    return result


class Side(Protocol):
    """One that takes turns."""

    def turn(self) -> Turn:
        """Do a turn's work and return what was measured.

        Raises:
            SideError: it failed.
        """

    def close(self) -> Turn:
        """End; return what is known only then."""


class Worker:
    """A side in a process of its own: it reads a line for each turn and writes a line of JSON.

    Args:
        command: starts it; its first line says that it is ready, with facts about itself.
        limit: seconds that starting, or a turn, may take.
    """

    def __init__(self, command: Sequence[str], limit: float) -> None:
        self._limit = limit
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"},
        )
        try:
            self.facts = self._answer()
        except SideError:
            self.kill()
            raise

    def turn(self) -> Turn:
        return self._ask("turn")

    def close(self) -> Turn:
        try:
            return self._ask("end")
        finally:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _ask(self, what: str) -> Turn:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{what}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise SideError(self._told("ended")) from None
        return self._answer()

    def _answer(self) -> Turn:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], self._limit)
        if not ready:
            self._process.kill()
            raise SideError(self._told(f"took more than {self._limit:g} s"))
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise SideError(self._told("ended"))
        answer: Turn = json.loads(line)
        return answer

    def _told(self, what: str) -> str:
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().splitlines()
        return f"{what}: {said[-1] if said else 'it said nothing'}"


def alternate(
    sides: Mapping[str, Side],
    rounds: int,
    keep: Callable[[Round], None],
    begin: int = 0,
) -> None:
    """Let all sides take a turn in each round, each round begun by another one.

    Args:
        keep: gets each round as soon as it is whole.
        begin: rounds that were measured before.
    """
    names = list(sides)
    for number in range(begin, rounds):
        first = number % len(names)
        keep({name: sides[name].turn() for name in names[first:] + names[:first]})


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, least and most.

    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'least': 1.0, 'most': 3.0}
    """
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def paired(rounds: Sequence[Round], one: str, other: str, key: str) -> dict[str, float]:
    """Return the spread of the ratio of two sides within the rounds.

    >>> paired([{"a": {"rate": 6.0}, "b": {"rate": 2.0}}], "a", "b", "rate")["median"]
    3.0
    """
    return spread([each[one][key] / each[other][key] for each in rounds])


class Cells:
    """Results by name in one JSON file, written after each round, so that a benchmark that was
    stopped goes on where it stood.

    A cell is kept as long as it is asked for with the same settings.

    Args:
        file: the JSON file; what is in it is read.
        facts: about this run, told to whoever reads the file.
    """

    def __init__(self, file: Path, facts: Mapping[str, Any]) -> None:
        self.file = file
        stored: Result = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        self.cells: dict[str, Result] = stored.get("cells", {})
        self.facts = dict(facts)

    def open(self, name: str, settings: Mapping[str, Any]) -> Result:
        """Return a cell, an empty one where there is none of these settings."""
        cell = self.cells.get(name)
        if cell is None or cell["settings"] != settings or "failed" in cell:
            cell = self.cells[name] = {"settings": dict(settings), "rounds": []}
        return cell

    def write(self) -> None:
        """Write all cells."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        told = {**self.facts, "cells": self.cells}
        write_text(self.file, json.dumps(told, ensure_ascii=False, indent=1) + "\n")


class Clock:
    """How long a benchmark may still begin something new."""

    def __init__(self, minutes: float | None) -> None:
        self._began = time.monotonic()
        self._end = None if minutes is None else self._began + 60 * minutes

    @property
    def over(self) -> bool:
        return self._end is not None and time.monotonic() > self._end

    def __str__(self) -> str:
        return f"{(time.monotonic() - self._began) / 60:.1f} min"
