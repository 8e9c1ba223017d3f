"""Try the inputs of some seeds, one after the other, in this process; the journal says where it is.

Called by `run.py`: worker.py PROJECT WORK FIRST COUNT
"""

import json
import os
import resource
import shutil
import sys
import warnings
from pathlib import Path

from door import Outcome, invoke
from places import draw_input

MEMORY = 12 << 30  # bytes of addresses: more is a fault


def signature(fault: str) -> str:
    """Return what faults of one cause have in common."""
    lines = [line.strip() for line in fault.strip().splitlines()]
    places = [line for line in lines if line.startswith("File") and "pet_mtl" in line]
    return f"{lines[-1][:60]} @ {places[-1][-70:] if places else ''}"


def minimise(project: Path, work: Path, command: list[str], file: Path, wanted: str) -> None:
    """Make a damaged file smaller as long as the command fails in the same way."""
    data = file.read_bytes()
    size, tries = max(1, len(data) // 2), 0
    while size and tries < 40:
        at = 0
        while at < len(data) and tries < 40:
            tries += 1
            file.write_bytes(data[:at] + data[at + size :])
            shutil.rmtree(work / "new", ignore_errors=True)
            outcome = invoke(command, work)
            if outcome.fault and signature(outcome.fault) == wanted:
                data = data[:at] + data[at + size :]
            else:
                at += size
        size //= 2
    file.write_bytes(data)


def try_input(seed: int, project: Path, work: Path, failures: Path) -> tuple[str, Outcome]:
    """Try one input; a failure is kept below `failures`."""
    shutil.rmtree(work, ignore_errors=True)
    kind, command, file = draw_input(seed, project, work / "a" / "b")
    place = work / "a" / "b"
    outcome = invoke(command, place)
    left = sorted(path.name for path in (*work.iterdir(), *(work / "a").iterdir()))
    fault = outcome.fault or ("" if left == ["a", "b"] else f"wrote outside: {left}")
    if fault:
        kept = failures / f"{seed}-{kind.replace(' ', '-')}"
        if file is not None and len(file.read_bytes()) < 100_000 and outcome.code is None:
            minimise(project, place, command, file, signature(fault))
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "fault.txt").write_text(
            f"{json.dumps(command)}\n{file}\n{outcome.messages[-2000:]}\n{fault}", errors="replace"
        )
        if file is not None:
            shutil.copy(file, kept)
    return kind, Outcome(outcome.code, "", "", outcome.seconds, fault)


def main() -> None:
    project, work, first, count = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:5])
    warnings.simplefilter("ignore")
    os.environ["HF_HUB_OFFLINE"] = "1"
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with (work.parent / f"{work.name}.journal").open("a") as journal:
        for seed in range(first, first + count):
            print(json.dumps({"begins": seed}), file=journal, flush=True)
            kind, outcome = try_input(seed, project, work, work.parent / "failures")
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            record = {"seed": seed, "kind": kind, "code": outcome.code, "fault": outcome.fault}
            record |= {"seconds": round(outcome.seconds, 3), "memory_mb": memory >> 10}
            print(json.dumps(record), file=journal, flush=True)


if __name__ == "__main__":
    main()
