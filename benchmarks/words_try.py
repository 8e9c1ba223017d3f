"""Seconds to score other label words: `words try` with stored slot states beside `score`, paired,
on the same rows.

    python benchmarks/words_try.py --rows TNEWS_train.csv [--count 10000] [--rounds 5] [--model
    zh-mini] [--out FILE]

Both sides score the TNEWS task of `patterns/tianchi.yaml`, once with 15 words of one length, once
with 30 of two lengths. Two comparisons, their sides in turn:

- scoring: from the verbalizer file to macro-F1 and its interval; start-up is not counted (model
loaded, rows read).
  `score` tokenises the rows and runs the model, `words try` reads the states of an earlier pass.
  Its seconds are those that `words try --json` prints.
- commands: `pet-mtl score` and `pet-mtl words try` as processes, start-up and all.

Machines are noisy: only the ratios of paired runs mean anything. Processor seconds are given too:
with one thread, they are what the wall clock would show on a machine that does nothing else.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from turns import run_script, script_parser

from pet_mtl import console
from pet_mtl.atomic import write_text
from pet_mtl.console import say
from pet_mtl.model.allocator import keep_freed_memory
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.scoring.checkpoint_scores import score_rows
from pet_mtl.scoring.loaded import LoadedCheckpoint, with_verbalizers
from pet_mtl.storage.checkpoint import write_checkpoint
from pet_mtl.words.loaded import load
from pet_mtl.words.try_words import WordTrial

WORDS = {
    "one length": """
        100 趣事;101 艺术;102 明星;103 比赛;104 金融;106 楼市;107 车型;108 学校;
        109 网络;110 武器;112 景点;113 外国;114 股市;115 农民;116 手游""",
    "two lengths": """
        100 故事 趣事;101 文化 艺术;102 娱乐 明星;103 体育 运动员;104 财经 金融;106 房产 房地产;107 汽车 新能源;
        108 教育 大学生;109 科技 互联网;110 军事 武器;
        112 旅游 旅行社;113 国际 外国;114 股票 股市;115 农业 农产品;116 游戏 手游""",
}


def prepare(folder: Path, rows: Path, count: int, model: str) -> dict[str, Path]:
    """Write some of the rows, the verbalizers, and a checkpoint of the untrained model; return the
    verbalizers."""
    lines = rows.read_text(encoding="utf-8").splitlines(keepends=True)
    chosen = np.sort(np.random.default_rng(0).permutation(len(lines))[:count])
    dev = folder / "dev.csv"
    dev.write_text("".join(lines[row] for row in chosen), encoding="utf-8")
    loaded = load(bundled_pattern_file("tianchi"), model)
    task = loaded.suite.tasks["tnews"]
    task = task.model_copy(update={"data": task.data.model_copy(update={"dev": (str(dev),)})})
    suite = loaded.suite.model_copy(update={"tasks": {"tnews": task}})
    write_checkpoint(
        folder / "checkpoint", loaded.model.backbone.mlm, loaded.model.tokenizer, suite, {}
    )
    files = {name: folder / f"{name.replace(' ', '_')}.txt" for name in WORDS}
    for name, file in files.items():
        file.write_text(WORDS[name].replace(";", "\n") + "\n", encoding="utf-8")
    return files


def scoring(folder: Path, files: dict[str, Path], rounds: int) -> dict[str, Any]:
    """Time both ways to score a file, in turn."""
    checkpoint = LoadedCheckpoint(folder / "checkpoint")
    trial = WordTrial(
        load(None, str(folder / "checkpoint")),
        {"tnews": tuple(files.values())},
        place=folder / "cache",
    )
    trial.run()  # the first pass
    rows, found = trial.trial.rows, {}
    for name, file in files.items():
        seconds: dict[str, list[float]] = {"score": [], "words try": []}
        cpu_seconds: dict[str, list[float]] = {"score": [], "words try": []}
        for number in range(rounds):
            start, cpu = time.perf_counter(), time.process_time()
            checkpoint.suite = with_verbalizers(checkpoint.suite, {"tnews": file})
            score = score_rows(checkpoint.suite, rows, checkpoint.log_probs(rows))["tnews"]
            seconds["score"].append(time.perf_counter() - start)
            cpu_seconds["score"].append(time.process_time() - cpu)
            cpu = time.process_time()
            tried = trial.score("tnews", file)
            cpu_seconds["words try"].append(time.process_time() - cpu)
            seconds["words try"].append(tried.seconds)
            assert tried.cached
            say(
                f"{name}, round {number + 1}: {seconds['score'][-1]:.2f} s, "
                f"{seconds['words try'][-1]:.3f} s"
            )
        found[name] = {
            "wall": summary(seconds),
            "cpu": summary(cpu_seconds),
            "macro_f1": {"score": score.macro_f1, "words try": tried.score.macro_f1},
        }
    return found


def commands(folder: Path, file: Path, rounds: int) -> dict[str, Any]:
    """Time both commands, in turn; the states are stored already."""
    checkpoint, words = str(folder / "checkpoint"), ["--verbalizer", f"tnews={file}", "--json"]
    calls = {
        "score": ["score", checkpoint, *words],
        "words try": [
            "words",
            "try",
            "--model",
            checkpoint,
            "--cache",
            str(folder / "cache"),
            *words,
        ],
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "pet_mtl", *call], check=True, capture_output=True
            )
            seconds[name].append(time.perf_counter() - start)
    return summary(seconds)


def summary(seconds: dict[str, list[float]]) -> dict[str, Any]:
    ratios = [
        slow / fast for slow, fast in zip(seconds["score"], seconds["words try"], strict=True)
    ]
    return {
        "seconds": {
            name: [round(value, 4) for value in values] for name, values in seconds.items()
        },
        "medians": {name: round(statistics.median(values), 4) for name, values in seconds.items()},
        "median_ratio": round(statistics.median(ratios), 1),
        "smallest_ratio": round(min(ratios), 1),
    }


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument(
        "--rows", type=Path, required=True, help="tab-separated rows: id, text, label"
    )
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="zh-mini")
    parser.add_argument("--out", type=Path, help="write the result here too")
    chosen = parser.parse_args()
    console.show()
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = prepare(folder, chosen.rows, chosen.count, chosen.model)
        result = {
            "model": chosen.model,
            "rows": chosen.count,
            "labels": 15,
            "threads": torch.get_num_threads(),
            "scoring": scoring(folder, files, chosen.rounds),
            "commands": commands(folder, files["two lengths"], min(chosen.rounds, 3)),
        }
    text = json.dumps(result, indent=1) + "\n"
    print(text, end="")
    if chosen.out:
        write_text(chosen.out, text)


if __name__ == "__main__":
    run_script(main)
