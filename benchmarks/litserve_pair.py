"""`pet-mtl serve` beside LitServe over a transformers pipeline with the same weights.

    python benchmarks/litserve_pair.py runs/default-1/checkpoint --litserve-python env/bin/python

Both serve one task of the checkpoint on a free port of 127.0.0.1 and get the same requests from the
load generator of `serve.py`. Rounds alternate, so that what else the machine does falls on both;
the ratio of a pair counts. Prints one JSON object, and writes it with a table to `--out`.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from serve import Server, body_of, drive, quantiles
from turns import run_script

CLIENTS = (1, 8, 64)
DRIVER = Path(__file__).with_name("litserve_driver.py")


def task_of(loaded: Any, name: str) -> dict[str, Any]:
    """Return what the driver is told of a task of one pattern, one field and words of one
    length."""
    from pet_mtl.suite.pattern import Field, Literal, Mask, parse_pattern

    task = loaded.suite.tasks[name]
    number = [form.task for form in loaded.forms].index(name)
    form, table = loaded.forms[number], loaded.compiled.words[number]
    simple = len(task.patterns) == len(task.fields) == len(form.masks) == 1
    if not simple or task.aggregation != "mean" or name in loaded.calibration:
        raise SystemExit(f"task {name}: this asks for one pattern, one field, words of one length")
    text, before = task.prefix, None
    for part in parse_pattern(task.patterns[0]).parts:
        if isinstance(part, Field) and before is None:
            before, text = text, ""
        elif isinstance(part, Mask):
            text += loaded.tokenizer.tokenizer.mask_token * form.masks[0]
        elif isinstance(part, Literal):
            text += part.text
        else:
            raise SystemExit(f"task {name}: the pattern has a part that no plain text has")
    return {
        "task": name,
        "field": task.fields[0],
        "before": before,
        "behind": text,
        "labels": list(task.verbalizer.labels),
        "words": table.pieces,
        "owners": table.labels,
        "max_length": loaded.suite.train.max_length,
    }


class LitServe:
    """`litserve_driver.py` in processes of its own."""

    def __init__(self, python: str, task: dict[str, Any]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.file = tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8")  # noqa: SIM115
        json.dump({**task, "port": self.port}, self.file)
        self.file.flush()
        self.process = subprocess.Popen(
            [python, str(DRIVER), self.file.name],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
            start_new_session=True,  # it has processes of its own, which end together
        )
        for _ in range(1200):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                raise SystemExit("LitServe ended")
            time.sleep(0.1)
        raise SystemExit("LitServe does not start")

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.file.close()


def labels(port: int, task: str, texts: list[Any]) -> list[str]:
    """Return what a server says of some rows."""
    import urllib.request

    found: list[str] = []
    for start in range(0, len(texts), 64):
        body = body_of(task, texts[start : start + 64]).split(b"\r\n\r\n", 1)[1]
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/predict", body, headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            found += [each["label"] for each in json.load(answer)["predictions"]]
    return found


def median_row(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of each side's figures and of the rounds' ratios."""
    row: dict[str, Any] = {}
    for side in ("pet_mtl", "litserve"):
        row[side] = {
            name: statistics.median(r[side][name] for r in rounds) for name in rounds[0][side]
        }
    for name in row["pet_mtl"]:
        both = [r["pet_mtl"][name] / r["litserve"][name] for r in rounds]
        row.setdefault("ratio", {})[name] = round(statistics.median(both), 3)
    return row


def table(found: dict[str, Any]) -> str:
    """Write the medians as Markdown."""
    lines = ["| clients × rows | | rows/s | p50 ms | p99 ms |", "|---|---|---|---|---|"]
    for name, row in found["medians"].items():
        for side in ("pet_mtl", "litserve", "ratio"):
            cells = [f"{row[side][key]:g}" for key in ("rows_per_second", "p50_ms", "p99_ms")]
            lines.append(f"| {name} | {side.replace('_', '-')} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--litserve-python", default=sys.executable, help="of its environment")
    parser.add_argument("--task", help="of the checkpoint [default: the first]")
    parser.add_argument("--seconds", type=float, default=8, help="of each turn")
    parser.add_argument("--rounds", type=int, default=5, help="of both in turn")
    parser.add_argument("--rows", type=int, default=64, help="of a request at full load")
    parser.add_argument("--clients", type=int, default=16, help="at full load")
    parser.add_argument("--dtype", default="float32", help="of the pipeline")
    parser.add_argument("--out", type=Path, help="written as OUT.json and OUT.md")
    options = parser.parse_args()

    import torch

    from pet_mtl.data.suite_data import load_dev
    from pet_mtl.scoring.loaded import LoadedCheckpoint

    loaded = LoadedCheckpoint(options.checkpoint)
    suite = loaded.suite
    name = options.task or next(iter(suite.tasks))
    dev, _ = load_dev(suite.tasks[name], Path(suite.base), suite.train.seed)
    if dev is None:
        raise SystemExit(f"task {name} has no dev rows")
    texts = [dev.text(i) for i in range(len(dev))]
    task = task_of(loaded, name) | {
        "model": str(options.checkpoint.resolve()),
        "threads": torch.get_num_threads(),
        "dtype": options.dtype,
        "rows": options.rows,
        "requests": max(CLIENTS),
    }
    many = [
        body_of(name, (texts * options.rows)[start : start + options.rows])
        for start in range(0, max(1, len(texts) - options.rows + 1), options.rows)
    ]
    loads = {f"{options.clients} × {options.rows}": (many, options.clients, options.rows)}
    loads |= {f"{n} × 1": ([body_of(name, [text]) for text in texts], n, 1) for n in CLIENTS}
    rounds: dict[str, list[dict[str, Any]]] = {load: [] for load in loads}
    found: dict[str, Any] = {
        "task": name,
        "precision": {"pet_mtl": loaded.machine.precision.value, "litserve": options.dtype},
        "threads": task["threads"],
        "load_before": os.getloadavg(),
    }
    ours = Server(options.checkpoint, 1)
    other = LitServe(options.litserve_python, task)
    ports = {"pet_mtl": ours.port, "litserve": other.port}
    try:
        said = [labels(port, name, texts[:512]) for port in ports.values()]
        same = sum(a == b for a, b in zip(*said, strict=True))
        found["same_labels"] = f"{same} of {len(said[0])}"
        for number in range(options.rounds):
            for load, (bodies, clients, rows) in loads.items():
                turn: dict[str, Any] = {}
                for side in list(ports)[:: 1 if number % 2 else -1]:
                    asyncio.run(drive(ports[side], bodies, clients, seconds=0.5))
                    taken, seconds, statuses = asyncio.run(
                        drive(ports[side], bodies, clients, seconds=options.seconds)
                    )
                    if set(statuses) != {200}:
                        raise SystemExit(f"{side}: answers by status {statuses}")
                    rate = round(len(taken) * rows / seconds, 1)
                    turn[side] = {"rows_per_second": rate, **quantiles(taken)}
                rounds[load].append(turn)
            found["load_behind"] = os.getloadavg()
            found["medians"] = {load: median_row(turns) for load, turns in rounds.items()}
            found["rounds"] = rounds
            write(found, options.out)
    finally:
        ours.stop()
        other.stop()
    print(json.dumps(found, indent=1, ensure_ascii=False))


def write(found: dict[str, Any], out: Path | None) -> None:
    """Write what was measured so far."""
    if out:
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        out.with_suffix(".json").write_text(text, encoding="utf-8")
        out.with_suffix(".md").write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
