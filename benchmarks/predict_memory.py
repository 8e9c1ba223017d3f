"""Peak memory and rows a second of `pet-mtl predict` over more and more rows.

python benchmarks/predict_memory.py CHECKPOINT --rows TNEWS_train.csv --counts 10000,100000,1000000

Writes `results/predict_memory.json` and `.md`. `--rows` is tab-separated, `id text label`; its texts
are repeated, each time with another number behind them. Each run is a fresh process. Memory is the
peak of the process (`ru_maxrss`), what Python, torch and the model take among it.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from turns import run_script

RESULTS = Path(__file__).parent / "results" / "predict_memory"


def write_rows(source: Path, count: int, file: Path, kind: str) -> None:
    """Write `count` rows with different texts as tsv, csv, jsonl or parquet (one row group)."""
    lines = source.read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[1] for line in lines]
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = [f"{texts[n % len(texts)]}{n}" for n in range(count)]
        ids = [str(n) for n in range(count)]
        pq.write_table(pa.table({"id": ids, "title": rows}), file, row_group_size=count)
        return
    with file.open("w", encoding="utf-8") as out:
        for n in range(count):
            text = f"{texts[n % len(texts)]}{n}"
            if kind == "jsonl":
                out.write(json.dumps({"id": n, "title": text}, ensure_ascii=False) + "\n")
            elif kind == "csv":
                out.write(f'{n},"{text.replace(chr(34), chr(34) * 2)}"\n')
            else:
                out.write(f"{n}\t{text}\n")


def measure(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds and its peak memory in MB."""
    started = time.monotonic()
    child = os.spawnv(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--task", default="tnews")
    parser.add_argument("--counts", default="10000,100000,1000000")
    parser.add_argument("--kinds", default="tsv,tsv", help="in,out pairs, such as tsv,jsonl")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--name", help="of the model in the tables", default="")
    options = parser.parse_args()
    kind, output = options.kinds.split(",")
    found: list[dict[str, Any]] = []
    file = options.out.with_suffix(".json")
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
    for count in map(int, options.counts.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            rows = Path(folder) / f"rows.{kind}"
            write_rows(options.rows, count, rows, kind)
            size = rows.stat().st_size
            command = [sys.executable, "-m", "pet_mtl", "predict", str(options.checkpoint)]
            command += ["--data", f"{options.task}={rows}", "--out", f"{folder}/out"]
            seconds, memory = measure([*command, "--format", output])
            written = sum(one.stat().st_size for one in Path(folder, "out").iterdir())
        record = {
            "model": options.name or options.checkpoint.name,
            "rows": count,
            "in": kind,
            "out": output,
            "bytes_in": size,
            "bytes_out": written,
            "seconds": round(seconds, 1),
            "rows_per_second": round(count / seconds, 1),
            "peak_mb": round(memory, 1),
        }
        print(json.dumps(record), flush=True)
        same = ("model", "rows", "in", "out")
        found = [one for one in found if any(one[key] != record[key] for key in same)] + [record]
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    head = "| model | rows | in | out | input MB | seconds | rows/s | peak MB |\n|---|---:|---|---|---:|---:|---:|---:|\n"
    lines = [
        f"| {one['model']} | {one['rows']:,} | {one['in']} | {one['out']} | {one['bytes_in'] / 1e6:.1f} | "
        f"{one['seconds']:,.0f} | {one['rows_per_second']:,.0f} | {one['peak_mb']:.0f} |\n"
        for one in found
    ]
    options.out.with_suffix(".md").write_text(head + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
