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

import argparse
import hashlib
import json
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import made_up
from openprompt_pair import PATTERN, Pair, label_words, read_rows
from speed_table import markdown, summary
from turns import (
    Cells,
    Clock,
    Round,
    Side,
    SideError,
    Worker,
    alternate,
    load_now,
    processor,
    say,
    start,
)

from pet_mtl.atomic import write_text
from pet_mtl.errors import PetMtlError
from pet_mtl.resources import bundled_backbone

HERE = Path(__file__).parent
MEASURES = ("train", "score", "predict", "one-row", "encode", "words", "start-up", "openprompt")
LABELS = 15
LIMIT = 600.0  # seconds that a turn may take
# rows scored at once: seconds of work each, and enough to sort them by length
COUNTS = {"base": 2048, "12x384": 1024, "12x768": 256}
OPENPROMPT_ROWS = {"base": 640, "12x384": 256, "12x768": 96}
OUR_ROWS = {"base": (16000, 120), "12x384": (4000, 30), "12x768": (2000, 15)}  # and steps


def arguments() -> Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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


class Materials:
    """Rows, models and checkpoints, made once in the scratch folder."""

    def __init__(self, chosen: Namespace) -> None:
        base = bundled_backbone(chosen.base) or Path(chosen.base).resolve()
        if not (base / "config.json").is_file():
            raise PetMtlError(
                "is neither an embedded backbone nor a model folder", where=f"--base {chosen.base}"
            )
        self.quick: bool = chosen.quick
        self.base = base
        told = f"{base} {chosen.rows} {chosen.quick}"
        self.folder: Path = chosen.scratch.resolve() / hashlib.sha256(told.encode()).hexdigest()[:8]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows = self.folder / "rows.tsv"
        count = 48 if chosen.quick else max(own for own, _ in OUR_ROWS.values())
        if chosen.rows is None:
            self._make("characters", self.folder / "characters.json", str(base))
            known = json.loads((self.folder / "characters.json").read_text("utf-8"))
            labels = max(2, min(LABELS, len(known) // 3))
            rows = made_up.labelled_rows(known, count, labels, seed=1)
            self.words = {str(n): known[n] for n in range(labels)}
            self.other = {str(n): known[n + labels] for n in range(labels)}
        else:
            rows = read_rows(chosen.rows, count)
            self.words = label_words(rows)
            turned = [*list(self.words.values())[1:], *list(self.words.values())[:1]]
            self.other = dict(zip(self.words, turned, strict=True))
        made_up.write_rows(self.rows, rows)
        made_up.write_rows(self.folder / "few.tsv", rows[: min(64, count)])
        self.tried = self.folder / "other.txt"
        lines = [f"{label} {word}\n" for label, word in self.other.items()]
        self.tried.write_text("".join(lines), encoding="utf-8")

    def count(self, model: str) -> int:
        """Return how many rows are scored at once."""
        return 24 if self.quick else COUNTS.get(model, 512)

    def model(self, name: str) -> Path:
        """Return a model's folder, which is made if there is none."""
        if name == "base":
            return self.base
        folder = self.folder / name
        if not (folder / "model.safetensors").is_file():
            say(f"making {name} of random weights")
            layers, width = map(int, name.split("x"))
            self._make("bert", folder, layers, width, str(self.base))
        return folder

    def suite(self, name: str) -> Path:
        """Return the pattern file of a model."""
        file = self.folder / f"suite-{name}.json"
        data = {"train": str(self.rows), "dev": str(self.rows)}
        settings = {"max_length": 40 if self.quick else 128, "learning_rate": 1e-5}
        made_up.write_task(file, str(self.model(name)), self.words, PATTERN, data, **settings)
        return file

    def checkpoint(self, name: str) -> Path:
        """Return an untrained checkpoint, which is made if there is none."""
        folder = self.folder / f"checkpoint-{name}"
        if not (folder / "pet_mtl.json").is_file():
            self._make("checkpoint", folder, str(self.suite(name)))
        return folder

    def export(self, name: str) -> Path:
        """Return an ONNX export.

        Raises:
            SideError: it cannot be made.
        """
        if self.quick:
            raise SideError("an export takes too long for `--quick`")
        folder = self.folder / f"onnx-{name}"
        if not (folder / "model.onnx").is_file():
            say(f"exporting {name}")
            command = ("export", self.checkpoint(name), "--out", folder, "--format", "onnx")
            try:
                start(sys.executable, "-m", "pet_mtl", *command, limit=LIMIT)
            except SystemExit as error:
                raise SideError(str(error).strip().splitlines()[-1]) from None
        return folder

    def _make(self, what: str, folder: Path, *more: Any) -> None:
        """Make something, in a process of its own unless all is quick: this one stays small."""
        if self.quick:
            make(what, str(folder), *map(str, more))
        else:
            start(sys.executable, __file__, "--make", what, str(folder), *map(str, more))


def make(what: str, folder: str, *more: str) -> None:
    """Make a random model, an untrained checkpoint, or a list of known characters."""
    if what == "characters":
        found = json.dumps(made_up.known_characters(more[0]), ensure_ascii=False)
        Path(folder).write_text(found, encoding="utf-8")
    elif what == "bert":
        made_up.write_random_bert(Path(folder), int(more[0]), int(more[1]), more[2])
    else:
        made_up.write_untrained(Path(folder), Path(more[0]))


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


def _given(sides: Mapping[str, Side], cell: dict[str, Any]) -> Mapping[str, Side]:
    return sides


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
    job = {
        "kind": "pipeline",
        "model": str(made.base),
        "rows": str(few),
        "seconds": 0.0,
    }
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
        measure_cell(name, partial(_given, sides), chosen, cells, settings)


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
    if sys.argv[1:2] == ["--make"]:
        make(*sys.argv[2:])
        return
    chosen = arguments()
    try:
        made = Materials(chosen)
    except PetMtlError as error:
        sys.exit(f"error: {error}")
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
    main()
