"""The sides of each measure of the speed suite, and the rounds in which they take turns."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openprompt_pair import PATTERN
from speed_materials import LIMIT, Materials
from turns import Cells, Round, Side, SideError, Worker, alternate, load_now, say

HERE = Path(__file__).parent

Jobs = dict[str, dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]]


def jobs(measure: str, model: str, made: Materials) -> Jobs:
    """Return the sides of a cell: ours first; a function gets what ours says of itself."""
    folder, rows, count = str(made.model(model)), str(made.rows), made.count(model)
    ours: dict[str, Any] = {"rows": rows, "count": count, "light": True}
    if measure != "train":
        ours["checkpoint"] = str(made.checkpoint(model))
    theirs = {"model": folder, "rows": rows, "count": count}
    hidden = json.loads((Path(folder) / "config.json").read_text("utf-8"))["hidden_size"]

    def peak(facts: dict[str, Any]) -> dict[str, Any]:
        return {"kind": "peak", "precision": facts["precision"], "hidden": hidden}

    def alike(kind: str, **more: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def job(facts: dict[str, Any]) -> dict[str, Any]:
            same: dict[str, Any] = {k: facts[k] for k in ("precision", "dropout") if k in facts}
            return {"kind": kind, **theirs, **same, **more}

        return job

    def onnx(kind: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        return lambda _: {"kind": kind, "folder": str(made.export(model)), **ours}

    if measure == "train":
        suite = {"kind": "train", "suite": str(made.suite(model)), "light": True}
        tokens = 256 if made.quick else 4096
        few: dict[str, Any] = {"count": None}
        return {
            "ours": suite,
            "Trainer": alike("trainer-train", batch_tokens=tokens, **few),
            "Trainer, 32 rows": alike("trainer-train", batch=32, **few),
            "Trainer, 32 rows, fp32": alike(
                "trainer-train", batch=32, **{**few, "precision": "fp32"}
            ),
            "peak": peak,
        }
    if measure == "score":
        return {
            "ours": {"kind": "score", **ours},
            "ours, fp32": {"kind": "score", **ours, "precision": "fp32"},
            "Trainer": alike("trainer-score"),
            "onnxruntime": onnx("onnx"),
            "peak": peak,
        }
    if measure == "predict":
        return {"ours": {"kind": "predict", **ours}, "pipeline": alike("pipeline")}
    if measure == "one-row":
        return {
            "ours": {"kind": "one-row", **ours},
            "pipeline": alike("pipeline-row"),
            "onnxruntime": onnx("onnx-row"),
        }
    if measure == "encode":
        return {
            "ours": {"kind": "encode", **ours},
            "tokenizer": {"kind": "tokenizer", **theirs, "pattern": PATTERN},
        }
    words = {**ours, "words": str(made.tried), "cache": str(made.folder / "states")}
    return {"ours": {"kind": "words-try", **words}, "score again": {"kind": "words-again", **words}}


def open_sides(
    measure: str, model: str, made: Materials, chosen: Namespace, cell: dict[str, Any]
) -> dict[str, Side]:
    """Start all sides of a cell; one that cannot is told of and left out.

    Raises:
        SideError: ours cannot.
    """
    sides: dict[str, Side] = {}
    facts: dict[str, Any] = {}
    for name, job in jobs(measure, model, made).items():
        try:
            whole = {**(job(facts) if callable(job) else job), "seconds": chosen.seconds}
            side = _open(whole, chosen.quick)
        except (SideError, ImportError) as error:
            if name == "ours":
                for opened in sides.values():
                    opened.close()
                raise
            say(f"  {name} left out: {error}")
            cell.setdefault("left_out", {})[name] = str(error)
            continue
        facts = facts or side.facts
        cell.setdefault("facts", {})[name] = side.facts
        sides[name] = side
    return sides


def _open(job: dict[str, Any], here: bool) -> Any:
    if here:
        import speed_sides

        return speed_sides.build(job)
    return Worker([sys.executable, str(HERE / "speed_sides.py"), json.dumps(job)], LIMIT)


def measure_cell(
    name: str,
    opened: Callable[[dict[str, Any]], Mapping[str, Side]],
    chosen: Namespace,
    cells: Cells,
    settings: dict[str, Any],
) -> None:
    """Measure what is missing of a cell.

    Args:
        opened: starts the sides, and tells the cell of those that cannot.
    """
    cell = cells.open(name, settings)
    done = len(cell["rounds"])
    if done >= chosen.rounds:
        say(f"{name}: {done} rounds are there")
        return
    say(f"{name}: round {done + 1} to {chosen.rounds}, load {load_now()}")
    began = time.monotonic()
    cell.pop("left_out", None)
    sides: Mapping[str, Side] = {}

    def keep(found: Round) -> None:
        cell["rounds"].append(found)
        cell["load"] = load_now()
        cells.write()
        say(f"  round {len(cell['rounds'])}: {shown(found)}")

    try:
        sides = opened(cell)
        alternate(sides, chosen.rounds, keep, done)
    except SideError as error:
        cell["failed"] = str(error)
        say(f"  failed: {error}")
    finally:
        ends = {}
        for side, work in sides.items():
            try:
                ends[side] = work.close()
            except SideError as error:
                say(f"  {side}: {error}")
        cell["ends"] = ends
        cell["seconds"] = round(time.monotonic() - began, 1)
        cells.write()


def shown(found: Round) -> str:
    """Return a round in one line."""
    parts = []
    for side, turn in found.items():
        key = next(k for k in ("rate", "ms", "seconds", "flop_per_second") if k in turn)
        unit = {"rate": "rows/s", "ms": "ms", "seconds": "s", "flop_per_second": "FLOP/s"}[key]
        parts.append(f"{side} {turn[key]:,.4g} {unit}")
    return ", ".join(parts)


def given(sides: Mapping[str, Side], cell: dict[str, Any]) -> Mapping[str, Side]:
    """Return sides that are open already."""
    return sides
