"""Speed of a checkpoint and of its ONNX exports, in turn, one row and 64 rows at a time.

python benchmarks/export_pair.py CHECKPOINT… --rows TNEWS_train.csv

Writes `results/export_pair.json` and `.md`. `--rows` is tab-separated, `id text label`. Every way is
given texts and gives label log-probabilities; cutting texts into pieces counts. One thread each. In
each round the ways take turns on the same rows; a ratio is the median over the rounds of one way's
rate by that of our own in fp32, measured in the same round, so what else the machine does concerns
both.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from neighbours import onnx_classifier
from turns import run_script

from pet_mtl.data.rows import Rows
from pet_mtl.export.run import export
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.storage.checkpoint import read_checkpoint

RESULTS = Path(__file__).parent / "results" / "export_pair"
ROWS = {1: 64, 64: 256}  # timed at once, by batch
Way = Callable[[list[str]], Any]


def our_way(folder: Path, task: str, precision: str) -> Way:
    """Return `predict`'s scoring in a number format."""
    checkpoint = read_checkpoint(folder)
    train = checkpoint.suite.train.model_copy(update={"precision": precision})
    suite = checkpoint.suite.model_copy(update={"train": train})
    loaded = LoadedCheckpoint(replace(checkpoint, suite=suite))
    (field,) = suite.tasks[task].fields
    return lambda texts: loaded.log_probs({task: Rows.of({field: texts})})[task]


def their_way(folder: Path, model: str) -> Way:
    """Return the export's own `run.py`, with one thread."""
    classifier = onnx_classifier(folder, model, threads=1)
    (field,) = classifier.how["fields"]
    return lambda texts: classifier.log_probs([{field: text} for text in texts])


def rate(way: Way, texts: list[str], batch: int) -> float:
    started = time.perf_counter()
    for start in range(0, len(texts), batch):
        way(texts[start : start + batch])
    return len(texts) / (time.perf_counter() - started)


def measure(folder: Path, task: str, texts: list[str], rounds: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as temporary:
        out = export(folder, task, "onnx", Path(temporary) / "onnx", int8=True)
        ways = {
            "ours, fp32": our_way(folder, task, "fp32"),
            "ours, as chosen": our_way(folder, task, "auto"),
            "onnx, fp32": their_way(out, "model.onnx"),
            "onnx, int8": their_way(out, "model.int8.onnx"),
        }
        wanted = ways["ours, fp32"](texts[:512])
        rates: dict[tuple[str, int], list[float]] = {(w, b): [] for w in ways for b in ROWS}
        for number in range(-1, rounds):  # the first round is not counted
            for batch, count in ROWS.items():
                start = (number + 1) * count % (len(texts) - count)
                names = list(ways)
                turn = number % len(names)
                for name in names[turn:] + names[:turn]:
                    found = rate(ways[name], texts[start : start + count], batch)
                    if number >= 0:
                        rates[name, batch].append(found)
        records = []
        for name, way in ways.items():
            found = np.concatenate([way(texts[n : n + 64]) for n in range(0, 512, 64)])
            record = {
                "model": folder.name,
                "way": name,
                "same_label": float((found.argmax(-1) == wanted.argmax(-1)).mean()),
                "largest_difference": float(np.abs(np.exp(found) - np.exp(wanted)).max()),
            }
            for batch in ROWS:
                own, base = rates[name, batch], rates["ours, fp32", batch]
                record[f"rows_per_second_{batch}"] = round(statistics.median(own), 1)
                pairs = [a / b for a, b in zip(own, base, strict=True)]
                record[f"ratio_{batch}"] = round(statistics.median(pairs), 3)
                record[f"ratios_{batch}"] = [round(each, 3) for each in pairs]
            records.append(record)
        return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--task", default="tnews")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = options.rows.read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[1] for line in lines[:20_000]]
    load = os.getloadavg()[0]
    found = [
        record
        for folder in options.checkpoints
        for record in measure(folder, options.task, texts, options.rounds)
    ]
    told = {"rounds": options.rounds, "load_before": round(load, 1), "ways": found}
    options.out.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n")
    head = (
        f"Medians of {options.rounds} rounds, one thread; load of the machine before: {load:.1f}.\n\n"
        "| model | way | rows/s at 1 | ratio | rows/s at 64 | ratio | same label | largest difference of a probability |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|\n"
    )
    rows = [
        f"| {one['model']} | {one['way']} | {one['rows_per_second_1']:,.0f} | {one['ratio_1']:.2f} | "
        f"{one['rows_per_second_64']:,.0f} | {one['ratio_64']:.2f} | {one['same_label']:.1%} | "
        f"{one['largest_difference']:.2g} |\n"
        for one in found
    ]
    options.out.with_suffix(".md").write_text(head + "".join(rows), encoding="utf-8")
    sys.stdout.write(head + "".join(rows))


if __name__ == "__main__":
    run_script(main)
