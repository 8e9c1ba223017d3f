"""`kind: entailment` beside the plain cloze on sentence pairs, few rows a label.

    python benchmarks/entailment_pair.py --data-root DIR --out FOLDER [--model zh-small]
        [--tasks bustm,ocnli] [--shots 8,32|all] [--seeds 3] [--steps 60] [--dev-rows 300]
        [--epochs E] [--prefix TEXT] [--learning-rate RATE|auto]

DIR holds `fewclue/bustm/{train,dev}_0.json` … `_4.json` (FewCLUE, Xu et al. 2021) and
`tianchi/OCNLI_train.csv` (`id<TAB>premise<TAB>hypothesis<TAB>label`). BUSTM's training rows of all
splits are one pool, its dev rows of all splits are scored; of OCNLI, `--dev-rows` drawn rows are
scored and the rest is the pool, without rows that share a premise with a scored one. The seed
decides which rows of the pool are trained on, the same for both kinds, and their order. Both kinds
have the same prefix (none unless given), pattern, label words, steps, tokens a step and rate; the weights of the last step are
scored, without calibration, and nothing is chosen on the scored rows. `--shots all` trains on the whole
pool, `--epochs` times (the product's default where it is not given) instead of `--steps` steps.

FOLDER/entailment_pair.json is written after each run; the same command goes on where it was stopped,
inside a run too, and prints a Markdown table: accuracy and macro-F1, mean ± sample sd over seeds.
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from turns import run_script, script_parser

from pet_mtl import console
from pet_mtl.atomic import write_text
from pet_mtl.comparison.shots import few_rows, read_shots
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.model.allocator import keep_freed_memory
from pet_mtl.storage.outputs import has_state
from pet_mtl.suite.suite import Suite, suite_from_tree
from pet_mtl.training.run import train

KINDS = ("classification", "entailment")
NAMES = {"classification": "cloze", "entailment": "EFL"}
TASKS: dict[str, dict[str, Any]] = {
    "bustm": {
        "patterns": "{one}？{mask}，{two}",
        "verbalizer": {"1": "是的", "0": "不是"},
    },
    "ocnli": {
        "patterns": "{one}？{mask}，{two}",
        "verbalizer": {"0": "所以", "1": "可能", "2": "不过"},
    },
}
FIELDS = ("one", "two", "label")


def bustm_rows(root: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the pool and the rows to score, each pair of texts once."""

    def rows(part: str) -> list[dict[str, str]]:
        found = {}
        for split in range(5):
            text = (root / "fewclue" / "bustm" / f"{part}_{split}.json").read_text(encoding="utf-8")
            for row in map(json.loads, text.splitlines()):
                values = (row["sentence1"], row["sentence2"], row["label"])
                found[values[:2]] = dict(zip(FIELDS, values, strict=True))
        return list(found.values())

    return rows("train"), rows("dev")


def ocnli_rows(root: Path, scored: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the pool and the rows to score, which share no premise."""
    text = (root / "tianchi" / "OCNLI_train.csv").read_text(encoding="utf-8")
    cells = [line.split("\t")[1:] for line in text.splitlines() if line.strip()]
    rows = [dict(zip(FIELDS, row, strict=True)) for row in cells]
    order = np.random.default_rng(0).permutation(len(rows))
    dev = [rows[place] for place in order[:scored]]
    seen = {row["one"] for row in dev}
    return [rows[place] for place in order[scored:] if rows[place]["one"] not in seen], dev


def write_rows(chosen: argparse.Namespace, task: str) -> dict[str, str]:
    """Write a task's rows as JSON lines and return its `data:`."""
    pool, dev = (
        bustm_rows(chosen.data_root)
        if task == "bustm"
        else ocnli_rows(chosen.data_root, chosen.dev_rows)
    )
    files = {}
    for part, rows in (("train", pool), ("dev", dev)):
        file = chosen.out / f"{task}.{part}.jsonl"
        write_text(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        files[part] = str(file.resolve())
    return files


def build_suite(chosen: argparse.Namespace, task: str, kind: str, files: dict[str, str]) -> Suite:
    section = {
        **TASKS[task],
        "prefix": chosen.prefix,
        "kind": kind,
        "columns": {name: name for name in FIELDS},
        "data": files,
        "calibration": "none",
    }
    return suite_from_tree(
        {
            "version": 1,
            "model": chosen.model,
            "tasks": {task: section},
            "train": {
                "batch_tokens": chosen.batch_tokens,
                "max_length": 128,
                "learning_rate": chosen.learning_rate,
            },
        },
        f"{task}-{kind}",
    )


def run_cell(
    chosen: argparse.Namespace, suite: Suite, data: dict[str, TaskData], shots: Any, seed: int
) -> dict[str, float]:
    """Train on some rows and return the scores of the last step's weights."""
    settings = suite.train.model_copy(update={"seed": seed, "evaluate_every": 1_000_000})
    if shots != "all":
        settings = settings.model_copy(
            update={"epochs": float(chosen.steps), "max_steps": chosen.steps}
        )
    elif chosen.epochs is not None:
        settings = settings.model_copy(update={"epochs": chosen.epochs})
    folder = chosen.out / f"run-{suite.name}-{shots}-{seed}"
    begun = has_state(folder)
    if not begun:
        shutil.rmtree(folder, ignore_errors=True)
    done = train(
        suite.model_copy(update={"train": settings}),
        folder,
        resume=begun,
        data=few_rows(data, shots, seed),
    )
    shutil.rmtree(folder)
    (score,) = done.scores.values()
    return {
        "accuracy": score.value("accuracy"),
        "macro_f1": score.value("macro_f1"),
        "seconds": round(done.seconds, 1),
    }


def table(results: dict[str, Any], chosen: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of a Markdown table of the cells that are done."""
    yield "| task | rows a label | cloze: accuracy, macro-F1 | EFL: accuracy, macro-F1 | seeds |"
    yield "|---|---|---|---|---|"
    for task in chosen.tasks:
        for shots in chosen.shots:
            cells, count = [], 0
            for kind in KINDS:
                keys = [f"{task} {kind} {shots} {seed}" for seed in range(1, chosen.seeds + 1)]
                done = [results["cells"][key] for key in keys if key in results["cells"]]
                count = len(done)
                figures = [
                    f"{mean(of):.3f} ± {stdev(of):.3f}" if len(of) > 1 else f"{of[0]:.3f}"
                    for of in ([one[name] for one in done] for name in ("accuracy", "macro_f1"))
                    if of
                ]
                cells.append(", ".join(figures) or "–")
            yield f"| {task} | {shots} | {cells[0]} | {cells[1]} | {count} |"


def rate(text: str) -> float | str:
    return text if text == "auto" else float(text)


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="zh-small")
    parser.add_argument("--tasks", default="bustm,ocnli", type=lambda text: text.split(","))
    parser.add_argument("--shots", default="8,32", type=read_shots)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--batch-tokens", type=int, default=1024)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--learning-rate", type=rate, default=3e-5)
    parser.add_argument("--dev-rows", type=int, default=300)
    chosen = parser.parse_args()
    console.prepare_streams()
    console.show()
    keep_freed_memory()
    chosen.out.mkdir(parents=True, exist_ok=True)
    file = chosen.out / "entailment_pair.json"
    settings = {
        name: getattr(chosen, name)
        for name in ("model", "steps", "batch_tokens", "dev_rows", "prefix", "learning_rate")
    }
    if chosen.epochs is not None:
        settings["epochs"] = chosen.epochs
    results: dict[str, Any] = {"settings": settings, "cells": {}}
    if file.is_file():
        results = json.loads(file.read_text(encoding="utf-8"))
        if results["settings"] != settings:
            parser.error(f"{file} was measured with {results['settings']}: choose another --out")
    suites, data = {}, {}
    for task in chosen.tasks:
        files = write_rows(chosen, task)
        for kind in KINDS:
            suites[task, kind] = build_suite(chosen, task, kind, files)
            data[task, kind] = load_suite_data(suites[task, kind])
    for seed in range(1, chosen.seeds + 1):
        for task in chosen.tasks:
            for shots in chosen.shots:
                for kind in KINDS:
                    key = f"{task} {kind} {shots} {seed}"
                    if key in results["cells"]:
                        continue
                    results["cells"][key] = run_cell(
                        chosen, suites[task, kind], data[task, kind], shots, seed
                    )
                    console.say(f"{key}: {results['cells'][key]}")
                    write_text(file, json.dumps(results, indent=1) + "\n")
    for line in table(results, chosen):
        console.put(line)


if __name__ == "__main__":
    run_script(main)
