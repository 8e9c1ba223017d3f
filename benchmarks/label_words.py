"""Suggested label words beside hand-written ones, without training and after training on 16 rows a
label.

    python benchmarks/label_words.py --data-root DIR [--model zh-mini] [--seeds 3] [--dev-limit
    1500] [--out FOLDER]

The tasks are those of `patterns/tianchi.yaml`, and DIR holds the contest's files. Two parts, for
each seed:

- zero-shot, calibrated as `pet-mtl score MODEL --patterns` does: the hand-written words
(`verbalizers/`), those that
  `words suggest` proposes from SHOTS training rows a label, and from MANY training rows of a task.
- few-shot: all tasks trained together on SHOTS rows a label for STEPS steps; macro-F1 after the
last step, without
  calibration. With the hand-written words; with those suggested from these rows; both with learned
  weights (`weighted`); and with `verbalizer_kind: automatic`.

As with `words suggest --write`, a proposal that does not gain on its held-out rows is not taken.
The scored dev rows are the same everywhere and nothing is chosen by them; the seed decides which
training rows are taken, so hand-written words have one score without training.
FOLDER/label_words.json is written after each cell; the same command goes on where it was stopped,
and prints the table.
"""

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from turns import run_script, script_parser

from pet_mtl import console
from pet_mtl.atomic import write_text
from pet_mtl.comparison.cell import zero_shot_cell
from pet_mtl.comparison.shots import few_rows
from pet_mtl.comparison.statistics import Spread
from pet_mtl.console import say
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.model.allocator import keep_freed_memory
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.verbalizer_kind import VerbalizerKind
from pet_mtl.training.run import train
from pet_mtl.words.loaded import load
from pet_mtl.words.suggest.run import suggest

HAND, FEW, MANY = "hand-written", "suggested from few rows", "suggested from many rows"
ZERO_SHOT = {name: (name, "manual") for name in (HAND, FEW, MANY)}
FEW_SHOT = {  # the words, and the kind of verbalizer that they are trained with
    HAND: (HAND, "manual"),
    f"{HAND}, weighted": (HAND, "weighted"),
    FEW: (FEW, "manual"),
    f"{FEW}, weighted": (FEW, "weighted"),
    "automatic": (HAND, "automatic"),
}
PARTS = {"zero-shot": ZERO_SHOT, "few-shot": FEW_SHOT}


class Benchmark:
    """The cells of one folder; `results` is what its JSON file holds."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen, self.file = chosen, chosen.out / "label_words.json"
        names = ("model", "shots", "many", "steps", "batch_tokens", "dev_limit")
        settings = {name: getattr(chosen, name) for name in names}
        self.results: dict[str, Any] = {"settings": settings, "words": {}, "cells": {}}
        if self.file.is_file():
            self.results = json.loads(self.file.read_text(encoding="utf-8"))
            if self.results["settings"] != settings:
                raise SystemExit(
                    f"{self.file} was measured with {self.results['settings']}: choose another "
                    "--out"
                )
        self.pattern_file = bundled_pattern_file("tianchi")
        self.suite = load_suite(self.pattern_file, data_root=chosen.data_root, model=chosen.model)
        self.data = {
            name: self._fewer_dev(task) for name, task in load_suite_data(self.suite).items()
        }

    def _fewer_dev(self, task: TaskData) -> TaskData:
        assert task.dev is not None
        order = np.random.default_rng(0).permutation(len(task.dev))
        return replace(task, dev=task.dev.take(np.sort(order[: self.chosen.dev_limit])))

    def run(self) -> None:
        """Do the cells that are not done yet, the first seed's first."""
        cells = list(self.cells())
        for number, (part, name, seed) in enumerate(cells, start=1):
            key = f"{part} | {name} | {seed}"
            if key in self.results["cells"]:
                continue
            say(f"cell {number} of {len(cells)}: {key}")
            words, kind = PARTS[part][name]
            suite = self.with_words(words, kind, seed)
            self.results["cells"][key] = (
                self.zero_shot(suite) if part == "zero-shot" else self.few_shot(suite, seed)
            )
            self.keep()

    def cells(self) -> Iterator[tuple[str, str, int]]:
        for seed in range(1, self.chosen.seeds + 1):
            for part, names in PARTS.items():
                yield from (
                    (part, name, seed)
                    for name in names
                    if seed == 1 or (part, name) != ("zero-shot", HAND)
                )

    def keep(self) -> None:
        write_text(self.file, json.dumps(self.results, ensure_ascii=False, indent=1) + "\n")

    def with_words(self, words: str, kind: str, seed: int) -> Suite:
        """Return the suite with some label words, read as a kind of verbalizer."""
        tasks = {}
        for name, task in self.suite.tasks.items():
            found = task.verbalizer.words
            if words != HAND:
                by_label = self.suggested(words, name, seed)["words"]
                found = tuple(tuple(by_label[label]) for label in task.verbalizer.labels)
            verbalizer = task.verbalizer.model_copy(update={"words": found})
            changes = {
                "verbalizer": verbalizer,
                "verbalizer_kind": VerbalizerKind.model_validate(kind),
            }
            tasks[name] = task.model_copy(update=changes)
        return self.suite.model_copy(update={"tasks": tasks})

    def suggested(self, words: str, name: str, seed: int) -> Mapping[str, Any]:
        """Return what `words suggest` found for a task, asking it once."""
        key = f"{words} | {name} | {seed}"
        if key not in self.results["words"]:
            loaded = load(self.pattern_file, self.chosen.model, data_root=self.chosen.data_root)
            data = self.few(seed) if words == FEW else self.data
            place = self.chosen.out / "slot_states"
            found = suggest(
                loaded, name, limit=self.chosen.many, seed=seed, rows=data[name].train, place=place
            )
            own = dict(
                zip(
                    found.task.verbalizer.labels,
                    map(list, found.task.verbalizer.words),
                    strict=True,
                )
            )
            taken = found.gain > 0
            self.results["words"][key] = {
                "rows": sum(found.rows),
                "held_out_gain": found.gain,
                "taken": taken,
                "words": found.proposed() if taken else own,
            }
            self.keep()
        return dict(self.results["words"][key])

    def few(self, seed: int) -> dict[str, TaskData]:
        return few_rows(self.data, self.chosen.shots, seed)

    def zero_shot(self, suite: Suite) -> dict[str, float]:
        """Return macro-F1 by task; the calibration reads training rows without their labels."""
        return zero_shot_cell(suite, self.data).macro_f1

    def few_shot(self, suite: Suite, seed: int) -> dict[str, float]:
        """Return macro-F1 by task after the last step."""
        steps, folder = self.chosen.steps, self.chosen.out / "run"
        settings = suite.train.model_copy(
            update={
                "seed": seed,
                "epochs": float(steps),
                "max_steps": steps,
                "evaluate_every": steps,
            }
            | {"batch_tokens": self.chosen.batch_tokens}
        )
        tasks = {
            name: task.model_copy(update={"calibration": "none"})
            for name, task in suite.tasks.items()
        }
        shutil.rmtree(folder, ignore_errors=True)
        done = train(
            suite.model_copy(update={"train": settings, "tasks": tasks}),
            folder,
            data=self.few(seed),
        )
        shutil.rmtree(folder)
        return {name: score.macro_f1 for name, score in done.scores.items()}

    def table(self) -> str:
        """Return the results as a Markdown table, mean ± standard deviation over seeds."""
        names = list(self.suite.tasks)
        lines = [f"| | words | {' | '.join(names)} | mean |", "|---" * (len(names) + 3) + "|"]
        for part, rows in PARTS.items():
            for row in rows:
                found = [
                    self.results["cells"][" | ".join(map(str, cell))]
                    for cell in self.cells()
                    if cell[:2] == (part, row)
                ]
                columns = [[one[name] for one in found] for name in names]
                columns.append([float(np.mean(list(one.values()))) for one in found])
                shown = " | ".join(_shown(Spread(tuple(values))) for values in columns)
                lines.append(f"| {part} | {row} | {shown} |")
        return "\n".join(lines)


def _shown(spread: Spread) -> str:
    return f"{spread.mean:.4f}" + (f" ± {spread.sd:.4f}" if spread.sd is not None else "")


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument(
        "--data-root", type=Path, required=True, help="holds TNEWS_train.csv and the other files"
    )
    parser.add_argument("--model", default="zh-mini")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 1")
    parser.add_argument("--shots", type=int, default=16, help="training rows a label of the few")
    parser.add_argument(
        "--many", type=int, default=2000, help="training rows of a task for the other suggestions"
    )
    parser.add_argument("--steps", type=int, default=100, help="of few-shot training")
    parser.add_argument(
        "--batch-tokens", type=int, default=1024, help="of a step of few-shot training"
    )
    parser.add_argument(
        "--dev-limit", type=int, default=1500, help="dev rows of a task, drawn at random"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/label_words"),
        help="where results and states are kept",
    )
    chosen = parser.parse_args()
    console.show()
    keep_freed_memory()
    chosen.out.mkdir(parents=True, exist_ok=True)
    benchmark = Benchmark(chosen)
    benchmark.run()
    print(benchmark.table())


if __name__ == "__main__":
    run_script(main)
