"""What unlabelled rows are worth beside a few labelled ones: teachers on these, a student on the
others too (PET).

    python benchmarks/unlabelled_rows.py --data-root DIR [--model zh-mini] [--shots 16] [--seeds 3]
    [--teachers 3]
        [--teacher-steps 60] [--steps 300] [--unlabelled 8000] [--out STEM]

DIR holds the Tianchi training files. For each seed `shots` rows of each label are drawn; of the
other training rows so many of each task lose their labels. Teachers are trained on the drawn rows
and differ in the order of the rows alone; the student starts from the same backbone and learns from
the teachers' mean (`train --teacher`). All are measured on the same dev rows, at the end of their
training, without calibration. OUT.json is written after each seed, and a table at the end.
"""

import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from turns import run_script, script_parser

from pet_mtl import console
from pet_mtl.atomic import write_text
from pet_mtl.comparison.shots import few_rows
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.model.allocator import keep_freed_memory
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training.result import TrainResult
from pet_mtl.training.run import train


def without_labels(
    data: dict[str, TaskData], few: dict[str, TaskData], most: int, seed: int
) -> dict[str, TaskData]:
    """Return the few labelled rows, with `most` other training rows of each task as unlabelled
    ones."""
    both = {}
    for name, task in few.items():
        rest = np.flatnonzero(~np.isin(data[name].train_keys, task.train_keys))
        drawn = np.sort(np.random.default_rng(seed).permutation(rest)[:most])
        both[name] = replace(task, unlabelled=data[name].train.take(drawn))
    return both


def figures(result: TrainResult) -> dict[str, float]:
    return {name: score.macro_f1 for name, score in result.scores.items()} | {
        "mean": statistics.fmean(score.macro_f1 for score in result.scores.values())
    }


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--patterns", type=Path, default=bundled_pattern_file("tianchi"))
    parser.add_argument("--model", default="zh-mini")
    parser.add_argument("--shots", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--teachers", type=int, default=3)
    parser.add_argument("--teacher-steps", type=int, default=60)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--unlabelled", type=int, default=8000)
    parser.add_argument("--out", type=Path, help="stem of the result's files")
    chosen = parser.parse_args()
    console.show()
    keep_freed_memory()

    def suite(seed: int, steps: int) -> Suite:
        settings = {"seed": seed, "epochs": 1000, "max_steps": steps, "evaluate_every": steps}
        loaded = load_suite(chosen.patterns, data_root=chosen.data_root, model=chosen.model)
        tasks = {
            name: task.model_copy(update={"calibration": "none"})
            for name, task in loaded.tasks.items()
        }
        return loaded.model_copy(
            update={"tasks": tasks, "train": loaded.train.model_copy(update=settings)}
        )

    data = load_suite_data(
        load_suite(chosen.patterns, data_root=chosen.data_root, model=chosen.model)
    )
    cells: list[dict[str, Any]] = []
    for seed in range(42, 42 + chosen.seeds):
        few, started = few_rows(data, chosen.shots, seed), time.monotonic()
        with tempfile.TemporaryDirectory() as work:
            folders = [Path(work) / f"teacher-{number}" for number in range(chosen.teachers)]
            taught = [
                figures(train(suite(1000 * number + seed, chosen.teacher_steps), folder, data=few))
                for number, folder in enumerate(folders)
            ]
            teachers = [folder / "checkpoint" for folder in folders]
            rows = without_labels(data, few, chosen.unlabelled, seed)
            student = train(
                suite(seed, chosen.steps), Path(work) / "student", data=rows, teachers=teachers
            )
            unlabelled = {name: len(task.unlabelled or ()) for name, task in rows.items()}
        cells.append(
            {
                "seed": seed,
                "labelled": {name: len(task.train) for name, task in few.items()},
                "unlabelled": unlabelled,
                "teachers": taught,
                "student": figures(student),
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        settings = {
            key: str(value)
            for key, value in vars(chosen).items()
            if key not in ("data_root", "patterns", "out")
        }
        text = (
            json.dumps(
                {"settings": settings, "threads": torch.get_num_threads(), "seeds": cells}, indent=1
            )
            + "\n"
        )
        if chosen.out:
            write_text(chosen.out.with_suffix(".json"), text)
    print(f"| | {' | '.join(cells[0]['student'])} |\n|---|{'---|' * len(cells[0]['student'])}")
    for title, of_seed in (
        (
            "a teacher",
            [
                {key: statistics.fmean(t[key] for t in c["teachers"]) for key in c["student"]}
                for c in cells
            ],
        ),
        ("the student", [cell["student"] for cell in cells]),
    ):
        columns = [[one[key] for one in of_seed] for key in cells[0]["student"]]
        spread = [statistics.stdev(values) if len(values) > 1 else 0.0 for values in columns]
        shown = (
            f"{statistics.fmean(values):.4f} ± {sd:.4f}"
            for values, sd in zip(columns, spread, strict=True)
        )
        print(f"| {title} | {' | '.join(shown)} |")


if __name__ == "__main__":
    run_script(main)
