"""How much of a GPU is used, and what beside it OpenPrompt and transformers' `Trainer` do.

    python benchmarks/on_gpu.py [--rows TNEWS_train.csv] [--models 12x384,12x768]
        [--tokens 8192,131072] [--openprompt-python PYTHON] [--base FOLDER] [--out FILE.json]

Each cell trains a model of random weights with so many tokens a step, as it comes and with
`compile: true`, or scores texts; its turns alternate with the fastest matrix products. The result
is written after each cell, and a table at the end. It runs without a GPU, too, to be tried.
"""

import json
import statistics
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openprompt_pair import Pair
from speed_materials import Materials
from speed_sides import Score, Train
from speed_work import Peak, Work
from turns import SideError, run_script, say, script_parser

from pet_mtl.atomic import write_text

HERE = Path(__file__).parent
SCORED = 16_000  # texts


def arguments() -> Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("--rows", type=Path, metavar="FILE", help="`id text label`, by tabs")
    parser.add_argument("--base", default="zh-mini", help="model whose pieces all others have")
    parser.add_argument("--models", default="12x384,12x768")
    parser.add_argument("--tokens", default="8192,32768,131072", help="of a training step")
    parser.add_argument("--compiled", default="131072", help="of those, also compiled")
    parser.add_argument("--openprompt-python", metavar="PATH", help="Python that has OpenPrompt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of a turn")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "on_gpu.json")
    parser.add_argument("--scratch", type=Path, default=HERE.parent / "runs" / "on_gpu")
    chosen = parser.parse_args()
    chosen.quick = False
    return chosen


def suite(made: Materials, model: str, tokens: int, compiled: bool) -> str:
    """Return the pattern file of a model with other settings."""
    file = Path(made.suite(model))
    settings = json.loads(file.read_text("utf-8"))
    settings["train"] |= {"batch_tokens": tokens, "compile": compiled}
    made_for = file.with_name(f"{file.stem}-{tokens}-{compiled}.json")
    made_for.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    return str(made_for)


def measure(work: Work, peak: Peak, rounds: int) -> dict[str, Any]:
    """Return medians of turns and their share of the peak measured beside them."""
    turns: list[Mapping[str, Any]] = []
    shares = []
    for _ in range(rounds):
        turns.append(work.turn())
        best = peak.turn()["flop_per_second"]
        shares.append(turns[-1]["flop_per_second"] / best)
    medians = {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
    return {**work.facts, **medians, "peak": best, "utilisation": statistics.median(shares)}


def cells(chosen: Namespace, made: Materials) -> dict[str, dict[str, Any]]:
    """Return the jobs by name."""
    jobs: dict[str, dict[str, Any]] = {}
    compiled = [int(text) for text in chosen.compiled.split(",") if text]
    for model in chosen.models.split(","):
        jobs[f"{model}, scoring"] = {
            "kind": Score,
            "checkpoint": str(made.checkpoint(model)),
            "rows": str(made.rows),
            "count": SCORED,
        }
        for tokens in map(int, chosen.tokens.split(",")):
            for graph in [False] + [True] * (tokens in compiled):
                name = f"{model}, training, {tokens} tokens" + ", compiled" * graph
                file = suite(made, model, tokens, graph)
                jobs[name] = {"kind": Train, "suite": file, "warm": 8}
    return jobs


def beside_openprompt(chosen: Namespace, made: Materials) -> dict[str, Any]:
    """Return what `openprompt_pair.py` finds for the base model."""
    args = Namespace(
        openprompt_python=chosen.openprompt_python,
        rows=made.rows,
        model=str(made.base),
        limit=3200,
        our_limit=16_000,
        steps=200,
    )
    folder = made.folder / "pair"
    folder.mkdir(exist_ok=True)
    return Pair(args, folder).round(int(time.time()))


def main() -> None:
    chosen = arguments()
    made = Materials(chosen)
    import torch

    cuda = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if cuda else "no GPU"
    found: dict[str, Any] = {"device": device, "torch": torch.__version__, "cells": {}}

    def keep(name: str, figures: dict[str, Any]) -> None:
        found["cells"][name] = figures
        write_text(chosen.out, json.dumps(found, indent=1) + "\n")
        say(f"{name}: {figures}")

    for name, job in cells(chosen, made).items():
        began = time.perf_counter()
        try:
            work = job.pop("kind")({**job, "seconds": chosen.seconds})
            peak = Peak(
                {
                    "seconds": 0.5,
                    "hidden": int(name.split(",")[0].split("x")[1]),
                    "precision": work.facts["precision"],
                }
            )
            figures = measure(work, peak, chosen.rounds)
        except (RuntimeError, SideError) as error:
            figures = {"failed": str(error).strip().splitlines()[-1][:300]}
        keep(name, {**figures, "took": round(time.perf_counter() - began, 1)})
        del work
        if cuda:
            torch.cuda.empty_cache()
    if chosen.openprompt_python:
        try:
            keep("base beside OpenPrompt", beside_openprompt(chosen, made))
        except SystemExit as error:
            keep("base beside OpenPrompt", {"failed": str(error)[-1500:]})


if __name__ == "__main__":
    run_script(main)
