"""The standing campaign: hostile inputs in worker processes, kills, full disks, several doors.

    python tests/campaign/run.py --inputs 6000 --kills 240 --out DIR

It prints counts, and keeps each failure as a small file below `OUT/failures`. Exit 1 where there
are any.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
A_WORKER = 250  # inputs: its caches are dropped with it
MOST_SECONDS = 120.0  # an input may take, minimising left out


def try_inputs(project: Path, out: Path, first: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield what became of each input; one that kills or hangs its worker is a failure, too."""
    seed = first
    while seed < first + count:
        size = min(A_WORKER, first + count - seed)
        work = out / "work"
        journal = out / "work.journal"
        journal.unlink(missing_ok=True)
        command = [sys.executable, str(HERE / "worker.py"), str(project), str(work)]
        with (out / "worker.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, str(seed), str(size)], stdout=log, stderr=log, cwd=out
            )
            since, seen = time.monotonic(), 0
            while process.poll() is None:
                time.sleep(0.2)
                length = journal.stat().st_size if journal.is_file() else 0
                if length != seen:
                    since, seen = time.monotonic(), length
                elif time.monotonic() - since > MOST_SECONDS * (10 if seen == 0 else 3):
                    process.kill()
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        done = [record for record in records if "seed" in record]
        yield from done
        seed += len(done)
        if len(done) < size:
            tail = (out / "worker.log").read_text(errors="replace")[-2000:]
            kept = out / "failures" / f"{seed}-worker"
            kept.mkdir(parents=True, exist_ok=True)
            (kept / "fault.txt").write_text(f"the worker ended: {process.returncode}\n{tail}")
            yield {"seed": seed, "kind": "worker", "code": None, "fault": tail or "hung"}
            seed += 1


def report(records: list[dict[str, Any]]) -> None:
    """Print what became of inputs."""
    kinds = Counter(record["kind"] for record in records)
    faults = Counter(record["kind"] for record in records if record["fault"])
    codes = Counter(record["code"] for record in records)
    seconds = max((record.get("seconds", 0) for record in records), default=0)
    memory = max((record.get("memory_mb", 0) for record in records), default=0)
    print(f"inputs: {len(records):,}, exit codes {dict(codes)}, faults {sum(faults.values())}")
    print(f"slowest {seconds:.1f} s, most memory {memory:,} MB")
    for kind, count in sorted(kinds.items()):
        print(f"  {kind:12} {count:6,}  faults {faults[kind]}")
    for record in [record for record in records if record["fault"]][:40]:
        print(f"  FAULT {record['seed']} {record['kind']}: {record['fault'].strip()[-200:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=6000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--kills", type=int, default=240)
    parser.add_argument(
        "--out", type=Path, default=Path(tempfile.gettempdir()) / "pet_mtl_campaign"
    )
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(HERE), str(HERE.parent), str(HERE.parent.parent)]
    )
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    project = out / "project"
    if not (project / "states").is_dir():
        subprocess.run([sys.executable, str(HERE / "project.py"), str(project)], check=True)
    records = (
        list(try_inputs(project, out, options.first, options.inputs)) if options.inputs else []
    )
    report(records)
    bad = any(record["fault"] for record in records)
    if options.kills:
        from kills import kill_campaign

        bad |= kill_campaign(project, out, options.kills, options.first)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
