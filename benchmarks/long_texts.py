"""What `long_text` brings: one model of a FewCLUE task with long texts, trained with `head`, scored in
all ways.

    python benchmarks/long_texts.py --data-root DIR [--tasks csldcp,iflytek] [--model zh-mini] [--seeds 3]
        [--max-length 64] [--epochs 4] [--out benchmarks/results/long_texts.json]

DIR holds the benchmark's own files; split 0 is trained on, its dev rows are scored, without
calibration. OUT is written after each model.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from sklearn.metrics import accuracy_score, f1_score
from turns import run_script, script_parser

from pet_mtl import console
from pet_mtl.atomic import write_text
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.model.allocator import keep_freed_memory
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.suite.suite import load_suite
from pet_mtl.training.run import train

WAYS = (("head", "mean"), ("head_tail", "mean"), ("windows", "mean"), ("windows", "max"))


def measure(task: str, seed: int, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Train a model and score it in all ways."""
    settings = {"max_length": chosen.max_length, "epochs": chosen.epochs, "seed": seed}
    suite = load_suite(
        bundled_pattern_file("fewclue"),
        data_root=chosen.data_root,
        model=chosen.model,
        only=[task],
        overrides=[f"train.{name}={value}" for name, value in settings.items()]
        + ["train.evaluate_every=100000"],
    )
    dev = load_suite_data(suite)[task].dev
    found = []
    with tempfile.TemporaryDirectory() as folder:
        train(suite, Path(folder) / "run")
        for way, pooling in WAYS:
            loaded = LoadedCheckpoint(Path(folder) / "run" / "checkpoint")
            spec = loaded.suite.tasks[task].model_copy(
                update={"long_text": way, "long_text_pooling": pooling}
            )
            loaded.suite = loaded.suite.model_copy(update={"tasks": {task: spec}})
            predicted = loaded.raw_log_probs({task: dev})[task].argmax(1)
            cell = {"task": task, "seed": seed, "long_text": way, "pooling": pooling}
            cell |= {"accuracy": round(float(accuracy_score(dev.labels, predicted)), 4)}
            macro = f1_score(dev.labels, predicted, average="macro", zero_division=0)
            found.append({**cell, "macro_f1": round(float(macro), 4), "rows": len(dev)})
    return found


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--tasks", default="csldcp,iflytek")
    parser.add_argument("--model", default="zh-mini")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-length", type=int, default=64)
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    console.show()
    keep_freed_memory()
    cells: list[dict[str, Any]] = []
    for task in chosen.tasks.split(","):
        for seed in range(42, 42 + chosen.seeds):
            cells += measure(task, seed, chosen)
            for cell in cells[-len(WAYS) :]:
                print(json.dumps(cell), flush=True)
            if chosen.out is not None:
                names = ("model", "max_length", "epochs")
                settings = {name: getattr(chosen, name) for name in names}
                whole = {"settings": settings, "cells": cells}
                write_text(chosen.out, json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    run_script(main)
