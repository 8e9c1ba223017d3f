"""Runs that are killed, find a full disk, or share a folder; all must end as an unbroken one does.

Children are forked from this process, in which everything is imported, so that a run takes a
second. Half of the kills come at a random moment, half at one of the moments in which something is
written, where the child ends itself.
"""

import contextlib
import hashlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from door import invoke
from places import COMPARE, LIMIT, PREDICT, SUITE, Command, copy_parts

STEPS = [*LIMIT[2:], "-s", "train.max_steps=4", "-s", "train.evaluate_every=2"]
TRAIN = [*["train", "--patterns", "toy.yaml", "--out", "out"], *STEPS]
PRETRAIN = [
    "pretrain",
    "--model",
    "model",
    "--corpus",
    "corpus.txt",
    "--out",
    "out",
    "-s",
    "max_length=32",
]
PRETRAIN += [
    "-s",
    "max_steps=6",
    "-s",
    "evaluate_every=2",
    "-s",
    "precision=fp32",
    "-s",
    "save_every=0.001",
]
COMPARISON = [*COMPARE[:-4], *STEPS, "--methods", "pet,heads", "--seeds", "2"]
COMPARISON[COMPARISON.index("cmp")] = "out"
PREDICTION = [*PREDICT, "topic=topic.dev.tsv"]
PREDICTION[PREDICTION.index("predicted")] = "out"
JOBS: dict[str, tuple[Command, Command]] = {  # what begins, what goes on
    "train": (TRAIN, ["train", "--resume", "--out", "out"]),
    "pretrain": (PRETRAIN, ["pretrain", "--resume", "--out", "out"]),
    "compare": (COMPARISON, COMPARISON),
    "predict": (PREDICTION, PREDICTION),
}
_IMPORTED = ["accelerate", "transformers.models.bert.modeling_bert", "pet_mtl.training.run"]
_IMPORTED += ["pet_mtl.pretraining.run", "pet_mtl.comparison.run", "pet_mtl.cli.predict"]
SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
DONE, SURPRISE = 0, 70
Before = Callable[[], None]


def start(command: Command, folder: Path, before: Before = lambda: None) -> int:
    """Run a command in a forked child, its messages in a file; return the child's number."""
    child = os.fork()
    if child:
        return child
    code = SURPRISE
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        log = (folder.parent / f"{folder.name}.{os.getpid()}.log").open("w")
        before()
        outcome = invoke(command, folder)
        log.write(f"{command}\n{outcome.messages}\n")
        code = outcome.code if outcome.code is not None else SURPRISE
        if outcome.fault and code != 130:
            log.write(f"FAULT {outcome.fault}\n")
            code = SURPRISE
        with contextlib.suppress(OSError):
            log.flush()
    except KeyboardInterrupt:  # before the command began or after its end: no fault of it
        code = 130
    finally:
        os._exit(code)


def wait(child: int, most: float = 120.0) -> int:
    """Return a child's exit code, minus the signal that ended it; one that hangs is killed."""
    end = time.monotonic() + most
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -999


def at_a_write(number: int, which: signal.Signals) -> Before:
    """Return what makes a child send itself a signal at its `number`-th write, rename or removal."""

    def set_up() -> None:
        left = number

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **named: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), which)
                return real(*given, **named)

            return call

        for name in ("rename", "replace", "mkdir", "unlink", "rmdir", "fsync"):
            setattr(os, name, counted(getattr(os, name)))
        for name in ("rename", "replace", "write_text", "write_bytes", "mkdir", "chmod"):
            setattr(Path, name, counted(getattr(Path, name)))

    return set_up


def with_little_room(size: int) -> Before:
    """Return what lets no file of a child grow beyond `size`, as a full disk does."""

    def set_up() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return set_up


_TIMES = ("seconds", "samples_per_second", "tokens_per_second", "peak_memory_gb", "created")


def _timeless(tree: Any) -> Any:
    if isinstance(tree, dict):
        # places of the project's files are absolute in the stored suite
        drop = (*_TIMES, "sha256", "training_seconds", "model", "source", "base", "out")
        return {key: _timeless(value) for key, value in tree.items() if key not in drop}
    return [_timeless(value) for value in tree] if isinstance(tree, list) else tree


def state_of(out: Path) -> dict[str, Any]:
    """Return all that a finished folder holds and that must not depend on how it got there."""
    state: dict[str, Any] = {}
    for file in sorted(out.rglob("*")):
        name = str(file.relative_to(out))
        if file.is_dir() or file.suffix == ".html" or name.endswith(("compare.md", "sha256.json")):
            continue
        if "tensorboard" in name:
            continue
        if file.suffix == ".json":
            state[name] = _timeless(json.loads(file.read_text(encoding="utf-8")))
        elif file.suffix == ".jsonl" and "metrics" in name:
            lines = file.read_text(encoding="utf-8").splitlines()
            state[name] = [_timeless(json.loads(line)) for line in lines]
        else:
            state[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return state


def finish(job: str, folder: Path) -> str:
    """Go on, or begin anew where nothing was saved, until the end; return what went wrong."""
    begin, again = JOBS[job]
    for command in (again, begin):
        code = wait(start(command, folder))
        if code == DONE:
            return ""
        if code != 2:
            return f"exit code {code} of {command}"
    return "lost: neither `--resume` nor a fresh run works"


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return the names of what differs."""
    wrong = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    return f"differs: {sorted(wrong)[:6]}" if wrong else ""


def one_kill(draw: random.Random, job: str, folder: Path) -> tuple[int, str]:
    """Kill a job once to three times, then let it end; return the kills and what went wrong."""
    begin, again = JOBS[job]
    kills = 0
    for turn in range(draw.choice((1, 1, 2, 3))):
        which = draw.choice(SIGNALS)
        command = again if turn and (folder / "out").is_dir() else begin
        if draw.random() < 0.6:
            child = start(command, folder, at_a_write(draw.randrange(1, 60), which))
            code = wait(child)
        else:
            child = start(command, folder)
            time.sleep(draw.uniform(0.02, 1.5))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, which)
            code = wait(child)
        if code == SURPRISE or code == -999:
            return kills, f"exit code {code} after {which.name}"
        kills += code in (-which, 130)
    return kills, finish(job, folder)


def kill_campaign(project: Path, out: Path, kills: int, first: int = 0) -> bool:
    """Kill runs until there were `kills`, and try full disks and doors that share a folder; print
    counts, and return whether anything went wrong."""
    from pet_mtl.model import light_import

    light_import.wanted = True
    light_import.import_transformers()
    for module in _IMPORTED:  # and nothing is computed here: see `project.py`
        importlib.import_module(module)
    wanted = {}
    for job, (begin, _) in JOBS.items():
        folder = out / "whole" / job
        shutil.rmtree(folder, ignore_errors=True)
        copy_parts(project, (*SUITE, "corpus.txt", "run/checkpoint"), folder)
        assert wait(start(begin, folder)) == DONE, job
        wanted[job] = state_of(folder / "out")
    counts, wrong = Counter[str](), list[str]()
    number = first
    while counts["kills"] < kills:
        draw = random.Random(number)
        job = draw.choices(list(JOBS), [4, 3, 2, 1])[0]
        folder = out / "killed" / f"{number}-{job}"
        shutil.rmtree(folder.parent, ignore_errors=True)
        copy_parts(project, (*SUITE, "corpus.txt", "run/checkpoint"), folder)
        match draw.choice(("kill", "kill", "kill", "disk", "doors")):
            case "kill":
                done, fault = one_kill(draw, job, folder)
                counts["kills"] += done
                counts[f"kills of {job}"] += done
            case "disk":
                room = with_little_room(draw.choice((0, 100, 3000, 20_000, 60_000, 150_000)))
                code = wait(start(JOBS[job][0], folder, room))
                fault = "" if code in (0, 1, 2) else f"exit code {code} on a full disk"
                fault = fault or finish(job, folder)
                counts["full disks"] += 1
            case _:
                children = [start(JOBS[job][0], folder) for _ in range(2)]
                codes = [wait(child) for child in children]
                fault = "" if set(codes) <= {0, 1, 2} else f"two doors: exit codes {codes}"
                fault = fault or finish(job, folder)
                counts["two doors"] += 1
        fault = fault or differences(state_of(folder / "out"), wanted[job])
        counts["finished"] += not fault
        if fault:
            kept = out / "failures" / f"{number}-{job}"
            kept.mkdir(parents=True, exist_ok=True)
            for log in folder.parent.glob(f"{folder.name}.*.log"):
                shutil.copy(log, kept)
            found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
            (kept / "fault.txt").write_text("\n".join([fault, *found]))
            wrong.append(f"{number} {job}: {fault}")
        number += 1
    print("; ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"lost or different: {len(wrong)}")
    for line in wrong[:40]:
        print(f"  FAULT {line}")
    return bool(wrong)
