"""What further pre-training on the tasks' own text (TAPT) is worth, by masking strategy, over
several seeds.

    python benchmarks/further_pretraining.py --data-root DIR [--model zh-mini] [--seeds 3]
        [--pretrain-steps 75] [--steps 75] [--variants off,random,whole-word,selective,pattern]

DIR holds the Tianchi training files. For each seed and strategy the model is pre-trained on the
suite's training text (`pretrain --task-text`, or `--masking pattern`), then fine-tuned on all tasks
(`train`), both with that seed; `off` is only fine-tuned. Nothing is calibrated. The training and
dev rows are the same for all: those that the pattern file's own seed splits. The scorer of
`selective` is the fine-tuned model of `off` with the same seed.

The result is written after each cell (strategy × seed): OUT.json and, as a table, OUT.md. Called
again, it does the cells that are not in OUT.json yet, and goes on with one that was stopped.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

import torch
from turns import run_script, script_parser

from pet_mtl import console
from pet_mtl.atomic import write_text
from pet_mtl.console import say
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.model.allocator import keep_freed_memory
from pet_mtl.model.hardware import Machine
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.run import pretrain
from pet_mtl.pretraining.settings import Masking, PretrainSettings
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.suite import load_suite
from pet_mtl.training.result import TrainResult
from pet_mtl.training.run import train

OFF = "off"
VARIANTS = (OFF, *get_args(Masking))
MANY_EPOCHS = 1000  # the steps end a run


class Benchmark:
    """The stages of a cell, and what they share.

    Attributes:
        chosen: the options.
        cells: the cells that are done.
        data: the rows of all tasks, the same for all seeds.
    """

    def __init__(self, chosen: argparse.Namespace, cells: Mapping[str, Any]) -> None:
        self.chosen, self.cells = chosen, cells
        self.suite = load_suite(chosen.patterns, data_root=chosen.data_root, model=chosen.model)
        self.data: Mapping[str, TaskData] = load_suite_data(self.suite)

    def cell(self, variant: str, seed: int) -> dict[str, Any]:
        """Return the figures of one cell; its models are removed, but for those of `off`, the
        scorers."""
        folder = self.chosen.work / f"{variant}-{seed}"
        started, cpu = time.monotonic(), time.process_time()
        before = (
            {}
            if variant == OFF
            else {"pretraining": self.pretrain(variant, seed, folder / "pretrain")}
        )
        model = self.chosen.model if variant == OFF else str(folder / "pretrain" / "model")
        result = self.train(model, seed, folder / "train")
        if variant != OFF:
            shutil.rmtree(folder)
        return {
            "mean_macro_f1": result.to_json()["mean_macro_f1"],
            "macro_f1": {name: score.macro_f1 for name, score in result.scores.items()},
            **before,
            "seconds": round(time.monotonic() - started, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
        }

    def train(self, model: str, seed: int, out: Path) -> TrainResult:
        steps = self.chosen.steps
        changes = {"seed": seed, "epochs": MANY_EPOCHS, "max_steps": steps, "evaluate_every": steps}
        suite = load_suite(
            self.chosen.patterns,
            overrides=[
                *(f"train.{key}={value}" for key, value in changes.items()),
                *(f"tasks.{name}.calibration=none" for name in self.suite.tasks),
            ],
            data_root=self.chosen.data_root,
            model=model,
        )
        return train(suite, out, resume=(out / "last").is_dir(), data=self.data)

    def pretrain(self, variant: str, seed: int, out: Path) -> dict[str, Any]:
        """Make `out/model`; return held-out figures and what it took."""
        steps = self.chosen.pretrain_steps
        request = PretrainRequest(
            model=self.chosen.model,
            patterns=self.chosen.patterns,
            data_root=self.chosen.data_root,
            task_text=variant != "pattern",
            masking=cast(Masking, variant),
            scorer=self.scorer(seed) if variant == "selective" else None,
            settings=PretrainSettings(
                seed=seed,
                epochs=float(MANY_EPOCHS),
                max_steps=steps,
                evaluate_every=steps,
                learning_rate=self.chosen.pretrain_rate,
            ),
            cache=self.chosen.work / "cache",
        )
        figures = pretrain(request, out, resume=(out / "last").is_dir()).to_json()
        return {key: figures[key] for key in ("held_out", "steps", "tokens", "seconds")}

    def scorer(self, seed: int) -> Path:
        """Return the fine-tuned checkpoint of the model as it is, training it where it is gone."""
        out: Path = self.chosen.work / f"{OFF}-{seed}" / "train"
        if f"{OFF}/{seed}" not in self.cells or not (out / "checkpoint").is_dir():
            self.train(self.chosen.model, seed, out)
        return out / "checkpoint"


def read_cells(file: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the cells that are done.

    Raises:
        PetMtlError: they were made with other settings.
    """
    if not file.is_file():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    changed = [key for key, value in settings.items() if found["settings"].get(key) != value]
    if changed:
        raise PetMtlError(
            (
                f"the result is of another benchmark: {', '.join(f'`{key}`' for key in changed)} "
                "changed"
            ),
            where=str(file),
            hint=(
                "put that back, or choose another file with `--out STEM` and another folder with "
                "`--work DIR`"
            ),
        )
    cells: dict[str, Any] = found["cells"]
    return cells


def table(cells: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return the Markdown page: mean ± sd over the seeds, and the difference to `off`, paired by
    seed."""
    tasks = list(next(iter(cells.values()))["macro_f1"])
    lines = [
        f"Dev macro-F1 after {settings['steps']} steps of fine-tuning `{settings['model']}`, "
        "further pre-trained for "
        f"{settings['pretrain_steps']} steps on the tasks' training text; mean ± sd over the "
        f"seeds, the last column paired by seed.",
        "",
        f"| masking | seeds | {' | '.join(tasks)} | mean | mean − off |",
        "|---|---|" + "---|" * (len(tasks) + 2),
    ]
    for variant in VARIANTS:
        of_seed = {
            key.partition("/")[2]: cell
            for key, cell in cells.items()
            if key.partition("/")[0] == variant
        }
        if not of_seed:
            continue
        columns = [[cell["macro_f1"][task] for cell in of_seed.values()] for task in tasks]
        columns.append([cell["mean_macro_f1"] for cell in of_seed.values()])
        gains = [
            cell["mean_macro_f1"] - cells[f"{OFF}/{seed}"]["mean_macro_f1"]
            for seed, cell in of_seed.items()
            if variant != OFF and f"{OFF}/{seed}" in cells
        ]
        shown = [spread(values) for values in columns] + [spread(gains, sign="+")]
        lines.append(f"| {variant} | {len(of_seed)} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def spread(values: list[float], sign: str = "") -> str:
    if not values:
        return ""
    mean = f"{statistics.mean(values):{sign}.4f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.4f}"


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument(
        "--data-root", type=Path, required=True, help="folder of the three Tianchi training files"
    )
    parser.add_argument("--model", default="zh-mini")
    parser.add_argument(
        "--patterns", type=Path, default=bundled_pattern_file("tianchi"), help="pattern file"
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 1 on")
    parser.add_argument(
        "--variants", default=",".join(VARIANTS), help="some of them, with commas between"
    )
    parser.add_argument("--pretrain-steps", type=int, default=75)
    parser.add_argument(
        "--pretrain-rate", type=float, default=4e-4, help="learning rate of pre-training"
    )
    parser.add_argument("--steps", type=int, default=75, help="steps of fine-tuning")
    parser.add_argument(
        "--work", type=Path, default=Path("runs/further_pretraining"), help="folder for models"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "further_pretraining"
    )
    chosen = parser.parse_args()
    variants = chosen.variants.split(",")
    if unknown := set(variants) - set(VARIANTS):
        parser.error(
            f"unknown variants {', '.join(sorted(unknown))}: some of {', '.join(VARIANTS)}"
        )
    console.show()
    keep_freed_memory()
    settings = {
        key: getattr(chosen, key) for key in ("model", "pretrain_steps", "pretrain_rate", "steps")
    }
    settings["patterns"] = chosen.patterns.name
    json_file, page = (
        chosen.out.with_name(f"{chosen.out.name}.{ending}") for ending in ("json", "md")
    )
    benchmark: Benchmark | None = None
    cells = read_cells(json_file, settings)
    for seed in range(1, chosen.seeds + 1):
        for variant in variants:
            if (key := f"{variant}/{seed}") in cells:
                continue
            benchmark = benchmark or Benchmark(chosen, cells)
            say(f"cell {key}")
            cells[key] = benchmark.cell(variant, seed)
            machine = {"machine": str(Machine.choose()), "threads": torch.get_num_threads()}
            write_text(
                json_file,
                json.dumps({"settings": settings, **machine, "cells": cells}, indent=1) + "\n",
            )
            write_text(page, table(cells, settings))
    print(table(cells, settings), end="")


if __name__ == "__main__":
    run_script(main)
