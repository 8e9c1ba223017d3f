"""`pet-mtl serve` under load, beside offline scoring of the same rows by the same checkpoint.

    python benchmarks/serve.py runs/default-1/checkpoint --seconds 10 --requests 100000

Starts the server on a free port of 127.0.0.1 and asks nobody else. Rounds of offline scoring and of
full load alternate, so that what else the machine does falls on both; the ratio of a pair counts.
Prints one JSON object.
"""

import argparse
import asyncio
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from turns import run_script

START = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


class Server:
    """`pet-mtl serve` in a process of its own."""

    def __init__(self, checkpoint: Path, workers: int) -> None:
        code = "from pet_mtl.__main__ import main; main()"
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        options = ["--port", "0", "--workers", str(workers)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", str(checkpoint), *options], stderr=self.log
        )
        self.port = int(self._wait(START)[1])
        self._wait(re.compile("ready: "))

    def _wait(self, pattern: re.Pattern[str]) -> re.Match[str]:
        for _ in range(1200):
            self.log.seek(0)
            if found := pattern.search(self.log.read()):
                return found
            if self.process.poll() is not None:
                raise SystemExit("the server ended")
            time.sleep(0.1)
        raise SystemExit("the server does not start")

    def megabytes(self) -> float:
        """Return the resident memory of the server."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.log.close()
        return code


def body_of(task: str, rows: list[Any]) -> bytes:
    body = json.dumps({"task": task, "rows": rows, "top_k": 1}, ensure_ascii=False).encode()
    head = "POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def drive(
    port: int, bodies: list[bytes], clients: int, *, seconds: float = 1e9, requests: int = 10**9
) -> tuple[list[float], float, dict[int, int]]:
    """Have clients ask one request after the other; return the seconds of each, those of all, and
    how many answers had which status."""
    taken: list[float] = []
    statuses: dict[int, int] = {}
    left, end = requests, time.perf_counter() + seconds

    async def client(number: int) -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        at = number * 7919
        while left > 0 and time.perf_counter() < end:
            left -= 1
            at += 1
            start = time.perf_counter()
            writer.write(bodies[at % len(bodies)])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
            await reader.readexactly(length)
            taken.append(time.perf_counter() - start)
            status = int(head[9:12])
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*map(client, range(clients)))
    return taken, time.perf_counter() - start, statuses


def quantiles(taken: list[float]) -> dict[str, float]:
    ordered = sorted(taken)
    pick = {"p50_ms": 0.5, "p99_ms": 0.99}
    return {
        name: round(1000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))], 2)
        for name, q in pick.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--seconds", type=float, default=10, help="of each round")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of offline and served")
    parser.add_argument("--rows", type=int, default=64, help="of a request at full load")
    parser.add_argument("--clients", type=int, default=16, help="at full load")
    parser.add_argument("--requests", type=int, default=10_000, help="of one row, watching memory")
    parser.add_argument("--short", type=int, default=12, help="characters of their texts")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()

    from pet_mtl.model import light_import
    from pet_mtl.model.allocator import keep_freed_memory

    light_import.wanted = True
    keep_freed_memory()
    from pet_mtl.data.suite_data import load_dev
    from pet_mtl.scoring.loaded import LoadedCheckpoint

    loaded = LoadedCheckpoint(options.checkpoint)
    suite = loaded.suite
    rows = {}
    for name, task in suite.tasks.items():
        dev, _ = load_dev(task, Path(suite.base), suite.train.seed)
        if dev is not None:
            rows[name] = dev
    texts = [(name, dev.text(i)) for name, dev in rows.items() for i in range(len(dev))]
    total = len(texts)
    by_task = {name: [text for task, text in texts if task == name] for name in rows}
    many = [
        body_of(name, (own * options.rows)[start : start + options.rows])
        for name, own in by_task.items()
        for start in range(0, max(1, len(own) - options.rows + 1), options.rows)
    ]
    single = [body_of(name, [text]) for name, text in texts]
    short = [
        body_of(name, [{field: value[: options.short] for field, value in text.items()}])
        for name, text in texts
    ]

    def offline() -> float:
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < options.seconds:
            loaded.log_probs(rows)
            done += total
        return done / (time.perf_counter() - start)

    server = Server(options.checkpoint, options.workers)
    run = lambda *a, **k: asyncio.run(drive(server.port, *a, **k))  # noqa: E731
    found: dict[str, Any] = {"rows": total, "workers": options.workers}
    try:
        run(many, options.clients, seconds=2.0)
        loaded.log_probs(rows)
        pairs = []
        for _ in range(options.rounds):
            alone = offline()
            taken, seconds, statuses = run(many, options.clients, seconds=options.seconds)
            served = len(taken) * options.rows / seconds
            pairs.append(
                {
                    "offline": round(alone, 1),
                    "served": round(served, 1),
                    "ratio": round(served / alone, 3),
                    "statuses": statuses,
                }
            )
        found["full_load"] = {
            "rows_a_request": options.rows,
            "clients": options.clients,
            "rounds": pairs,
            "median_ratio": statistics.median(pair["ratio"] for pair in pairs),
        }
        found["one_row"] = {}
        for clients in (1, 8, 64):
            taken, seconds, statuses = run(single, clients, seconds=options.seconds)
            found["one_row"][clients] = {
                **quantiles(taken),
                "requests_per_second": round(len(taken) / seconds, 1),
                "statuses": statuses,
            }
        memory, done = {0: round(server.megabytes(), 1)}, 0
        answered: dict[int, int] = {}
        marks = [10**n for n in range(3, 9) if 10**n < options.requests] + [options.requests]
        for until in sorted({*marks, options.requests // 2}):
            _, _, statuses = run(short, 64, requests=until - done)
            done = until
            for status, count in statuses.items():
                answered[status] = answered.get(status, 0) + count
            memory[done] = round(server.megabytes(), 1)
        found["memory_mb"] = {"statuses": answered, "after_requests": memory}
    finally:
        found["exit"] = server.stop()
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    run_script(main)
