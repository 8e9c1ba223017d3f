"""How fast pet-mtl is beside other products, and how much of the machine it uses.

    python benchmarks/speed.py [--rows TNEWS_train.csv] [--out benchmarks/results/speed]
        [--models base,12x384,12x768] [--only train,score,…] [--openprompt-python PYTHON]
        [--rounds 5] [--seconds 6] [--minutes M] [--quick]

Measured are, for each model: `train`, `score`, `predict` (offline), `one-row` (latency), `encode`
(tokenising), `words` (trying other label words), `openprompt`; and once `start-up`. `base` is the
embedded zh-mini (or `--base FOLDER`), `LxH` a BERT of L layers and width H with random weights and
the pieces of `base`. Beside ours stand transformers (`Trainer` with dynamic padding, `pipeline`,
tokenizer), onnxruntime and, with `--openprompt-python` and a base that has a `vocab.txt`,
OpenPrompt (`openprompt_pair.py`).

Each side is a process of its own, and the sides take turns: told are the medians, and the ratios
within the rounds with their least and most. All results so far are in OUT.json after each round;
the same command goes on where it was stopped, and OUT.md is written from what is there.
`--minutes` begins nothing new after so many. Without `--rows` the rows are made up.

Utilisation is the rate of useful floating-point operations (the products of real tokens, three
times for a training step) by that of the fastest product of fitting matrices, measured in the same
round on the same threads, in the same number format.
"""

import json
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from openprompt_pair import Pair
from speed_cells import given, measure_cell, open_sides
from speed_materials import OUR_ROWS, Materials
from speed_table import markdown, summary
from turns import (
    Cells,
    Clock,
    Side,
    SideError,
    load_now,
    processor,
    run_script,
    say,
    script_parser,
    start,
)

from pet_mtl.atomic import write_text

HERE = Path(__file__).parent
MEASURES = ("train", "score", "predict", "one-row", "encode", "words", "start-up", "openprompt")
OPENPROMPT_ROWS = {"base": 640, "12x384": 256, "12x768": 96}


def arguments() -> Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("--rows", type=Path, metavar="FILE", help="`id text label`, by tabs")
    parser.add_argument("--base", default="zh-mini", help="model whose pieces all others have")
    parser.add_argument("--models", default=None, help="[default: base,12x384,12x768]")
    parser.add_argument("--only", default=None, help=f"of {','.join(MEASURES)}")
    parser.add_argument("--openprompt-python", metavar="PATH", help="Python that has OpenPrompt")
    parser.add_argument("--rounds", type=int, default=None, help="turns of each side [default: 5]")
    parser.add_argument("--seconds", type=float, default=None, help="of a turn [default: 6]")
    parser.add_argument("--minutes", type=float, help="begin nothing new after so many")
    parser.add_argument("--quick", action="store_true", help="all small, in one process")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "speed")
    parser.add_argument("--scratch", type=Path, default=HERE.parent / "runs" / "speed")
    chosen = parser.parse_args()
    quick = chosen.quick
    chosen.models = (chosen.models or ("base,2x32" if quick else "base,12x384,12x768")).split(",")
    chosen.rounds = chosen.rounds or (1 if quick else 5)
    chosen.seconds = chosen.seconds or (0.05 if quick else 6.0)
    chosen.only = (chosen.only or ",".join(MEASURES)).split(",")
    for model in chosen.models:
        layers, _, width = model.partition("x")
        if model != "base" and not (layers.isdigit() and width.isdigit()):
            parser.error(f"--models: {model!r} is neither `base` nor as `12x768`")
    if unknown := [name for name in chosen.only if name not in MEASURES]:
        parser.error(f"--only: no measure {unknown[0]!r}; there are {', '.join(MEASURES)}")
    if chosen.rounds < 1 or chosen.seconds <= 0:
        parser.error("`--rounds` is 1 or more, `--seconds` more than 0")
    return chosen


class Command:
    """A whole command as a side: what it takes from its start to its end."""

    facts: Mapping[str, Any] = {}

    def __init__(self, *command: str | Path) -> None:
        self.command = command

    def turn(self) -> dict[str, Any]:
        began = time.perf_counter()
        try:
            start(*self.command)
        except SystemExit as error:
            raise SideError(str(error).strip().splitlines()[-1]) from None
        return {"seconds": time.perf_counter() - began}

    def close(self) -> dict[str, Any]:
        return {}


def asked(chosen: Namespace) -> dict[str, str | None]:
    """Return what is read, by name: where it lies says nothing of the figures."""
    return {"base": Path(chosen.base).name, "rows": chosen.rows and chosen.rows.name}


def start_up(chosen: Namespace, made: Materials, cells: Cells) -> None:
    """Measure whole commands: `--help`, and `score` of 64 rows beside a transformers pipeline."""
    python, ours = sys.executable, (sys.executable, "-m", "pet_mtl")
    few = made.folder / "few.tsv"
    job = {"kind": "pipeline", "model": str(made.base), "rows": str(few), "seconds": 0.0}
    groups: dict[str, dict[str, Side]] = {
        "start-up/help": {
            "ours": Command(*ours, "--help"),
            "python": Command(python, "-c", "pass"),
            "import transformers": Command(python, "-c", "from transformers import Trainer"),
        },
        "start-up/score": {
            "ours": Command(
                *ours, "score", made.checkpoint("base"), "--data", f"news={few}", "--json"
            ),
            "pipeline": Command(python, HERE / "speed_sides.py", json.dumps(job), "--once"),
        },
    }
    for name, commands in list(groups.items())[: 1 if chosen.quick else 2]:
        sides = {"ours": commands["ours"]} if chosen.quick else commands
        settings = asked(chosen)
        measure_cell(name, partial(given, sides), chosen, cells, settings)


def openprompt(model: str, chosen: Namespace, made: Materials, cells: Cells, clock: Clock) -> None:
    """Measure beside OpenPrompt, by `openprompt_pair.py`; each round is kept."""
    name = f"openprompt/{model}"
    ours, steps = OUR_ROWS.get(model, (1000, 10))
    settings = {**asked(chosen), "steps": steps, "ours": ours}
    cell = cells.open(name, settings)
    missing = None
    if chosen.openprompt_python is None:
        missing = "no `--openprompt-python`"
    elif not (made.model(model) / "vocab.txt").is_file():
        missing = "OpenPrompt's transformers reads a plain `vocab.txt` only: give `--base` with one"
    if missing:
        if not cell["rounds"]:
            cell["left_out"] = {"OpenPrompt": missing}
            cells.write()
        say(f"{name}: left out, {missing}")
        return
    cell.pop("left_out", None)
    limit = OPENPROMPT_ROWS.get(model, 64)
    args = Namespace(
        openprompt_python=chosen.openprompt_python,
        rows=made.rows,
        model=str(made.model(model)),
        limit=limit,
        our_limit=ours,
        steps=steps,
    )
    for number in range(len(cell["rounds"]), chosen.rounds):
        if clock.over:
            return
        say(f"{name}: round {number + 1} of {chosen.rounds}, load {load_now()}")
        try:
            with tempfile.TemporaryDirectory(dir=made.folder) as folder:
                found = Pair(args, Path(folder)).round(1)
        except SystemExit as error:
            cell["failed"] = str(error).strip().splitlines()[-1]
            say(f"  failed: {cell['failed']}")
            cells.write()
            return
        cell["rounds"].append(found)
        cells.write()
        pair = found["train_rows_per_second"]
        say(f"  training {pair['ours']:,.0f} and {pair['openprompt']:,.1f} rows/s")


def main() -> None:
    chosen = arguments()
    made = Materials(chosen)
    clock = Clock(chosen.minutes)
    out = chosen.out
    cells = Cells(
        out.with_suffix(".json"),
        {
            "machine": processor(),
            "rows": chosen.rows.name if chosen.rows else "made up",
            "base": Path(chosen.base).name,
            "quick": chosen.quick,
        },
    )
    todo = [
        (measure, model)
        for model in chosen.models
        for measure in MEASURES
        if measure in chosen.only and not (measure == "encode" and model != "base")
    ]
    began: set[str] = set()
    for measure, model in todo:
        if clock.over:
            say(f"{chosen.minutes:g} minutes are over; the same command goes on")
            break
        if measure == "start-up":
            if measure not in began:
                start_up(chosen, made, cells)
            began.add(measure)
            continue
        if measure == "openprompt":
            openprompt(model, chosen, made, cells, clock)
            continue
        settings = {
            **asked(chosen),
            "seconds": chosen.seconds,
            "count": made.count(model),
            "quick": chosen.quick,
        }
        measure_cell(
            f"{measure}/{model}",
            partial(open_sides, measure, model, made, chosen),
            chosen,
            cells,
            settings,
        )
    cells.facts["summary"] = summary(cells.cells)
    cells.write()
    text = markdown(cells.cells, cells.facts)
    write_text(out.with_suffix(".md"), text)
    print(text)
    say(f"{out.with_suffix('.json')} and .md, after {clock}")


if __name__ == "__main__":
    run_script(main)
