"""What grows with what: seconds against rows, tasks, label words, labels, lengths of words and of
texts.

    python benchmarks/scaling.py [--out benchmarks/results/scaling] [--axes rows,tasks=3:30:100,…]
        [--base zh-mini] [--seconds 8] [--minutes M] [--chart docs/images/scaling.svg] [--quick]

Rows, tasks and words are made up from a seed, of characters that the tokenizer knows. Each point is
a process of its own, whose results are in OUT.json as soon as it has ended; the same command goes
on where it was stopped. OUT.md has the tables, with the slope of each line in log-log: 0 costs
nothing, 1 is linear. Along every axis but the rows the total of the rows stays the same.

The parts: `read` the files, `compile` patterns and words and build the model, `encode` the rows,
`plan` an epoch, `train` a thousand rows, `score` a thousand rows. Of many rows, training and
scoring take some batches only, spread over all of them.
"""

import json
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import made_up
import numpy as np
from log_chart import charts
from scaling_axes import AXES, Point
from scaling_table import lines, markdown, panels
from turns import Cells, Clock, load_now, processor, say, script_parser

from pet_mtl.atomic import write_text
from pet_mtl.resources import bundled_backbone

HERE = Path(__file__).parent
LIMIT = 3600.0  # seconds that a point may take
SAMPLE = 3000  # rows of which the batches are spread over all


QUICK = {"rows": (60, 120), "tasks": (1, 3), "words": (4, 8), "text": (8, 16)}


def arguments() -> Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("--axes", help=f"of {', '.join(AXES)}; sizes may follow: rows=1000:10000")
    parser.add_argument("--base", default="zh-mini")
    parser.add_argument("--seconds", type=float, default=None, help="of training, and of scoring")
    parser.add_argument("--minutes", type=float, help="begin nothing new after so many")
    parser.add_argument("--quick", action="store_true", help="all small, in one process")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "scaling")
    parser.add_argument("--chart", type=Path, help="[default: OUT.svg]")
    chosen = parser.parse_args()
    chosen.seconds = chosen.seconds or (0.05 if chosen.quick else 8.0)
    sizes = QUICK if chosen.quick else {name: axis.sizes for name, axis in AXES.items()}
    chosen.sizes = {}
    for text in (chosen.axes or ",".join(sizes)).split(","):
        name, _, given = text.partition("=")
        if name not in AXES:
            parser.error(f"--axes: no axis {name!r}; there are {', '.join(AXES)}")
        try:
            chosen.sizes[name] = [int(n) for n in given.split(":")] if given else [*sizes[name]]
        except ValueError:
            parser.error(f"--axes: {text!r} is not as `rows=1000:10000`")
        if min(chosen.sizes[name]) < 1:
            parser.error(f"--axes: {text!r} has sizes below 1")
    chosen.folder = bundled_backbone(chosen.base) or Path(chosen.base).resolve()
    if not (chosen.folder / "config.json").is_file():
        parser.error(f"--base: {chosen.base!r} is neither an embedded backbone nor a model folder")
    return chosen


def make_words(known: Sequence[str], tokenizer: Any, count: int, lengths: int) -> list[str]:
    """Return different words of 1 to `lengths` pieces in turn."""
    draw, found = np.random.default_rng(3), dict[str, None]()
    singles = iter(known)
    while len(found) < count:
        wanted = len(found) % lengths + 1
        word = next(singles, "") if wanted == 1 else ""
        if not word:  # no more characters: two of them
            wanted = max(wanted, 2)
            word = "".join(known[i] for i in draw.integers(0, len(known), wanted))
            if len(tokenizer.encode(word, add_special_tokens=False)) != wanted:
                continue
        found[word] = None
    return list(found)


def write_point(point: Point, folder: Path, model: str, quick: bool) -> Path:
    """Write the pattern file of a point, and its rows; return the pattern file."""
    from pet_mtl.storage.pretrained import load_tokenizer

    known = made_up.known_characters(model)
    words = make_words(known, load_tokenizer(model), point.labels * point.words, point.lengths)
    tasks: dict[str, Any] = {}
    share = max(point.rows // point.tasks, point.labels)
    for number in range(point.tasks):
        if point.text is None:
            rows = made_up.labelled_rows(known, share, point.labels, seed=number)
        else:
            written = made_up.texts(known, [point.text] * share, number)
            rows = [[str(n), text, str(n % point.labels)] for n, text in enumerate(written)]
        made_up.write_rows(folder / f"{number}.tsv", rows)
        tasks[f"t{number}"] = {
            "patterns": ["这是一条{mask}新闻：{title}"],
            "verbalizer": {str(k): words[k :: point.labels] for k in range(point.labels)},
            "columns": {"id": 0, "title": 1, "label": 2},
            "data": {"train": f"{number}.tsv"},
        }
    settings = {
        "max_length": 40 if quick else 512 if point.text else 128,
        "learning_rate": 1e-5,
        "max_steps": 1000,
    }
    file = folder / "suite.json"
    told = {"version": 1, "model": model, "tasks": tasks, "train": settings}
    file.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return file


class _Watch:
    """Seconds and peak memory of each part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peak_gb: dict[str, float] = {}

    def part(self, name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        found = work()
        self.took(name, time.perf_counter() - began)
        return found

    def took(self, name: str, seconds: float) -> None:
        from pet_mtl.model.hardware import Machine

        self.seconds[name] = seconds
        self.peak_gb[name] = round(Machine.choose().peak_memory_gb(), 3)


def measure(file: Path, seconds: float) -> dict[str, Any]:
    """Measure all parts of a point."""
    from pet_mtl.model.allocator import keep_freed_memory
    from pet_mtl.model.hardware import Machine

    keep_freed_memory()
    from accelerate import Accelerator

    from pet_mtl.cloze.encode import encode_forms
    from pet_mtl.cloze.sampling import Schedule
    from pet_mtl.data.suite_data import load_suite_data
    from pet_mtl.scoring.loaded import build_model, compile_suite
    from pet_mtl.scoring.log_probs import score_items, score_plans
    from pet_mtl.storage.pretrained import load_backbone, load_pieces, suite_model
    from pet_mtl.storage.state import Progress
    from pet_mtl.suite.suite import load_suite
    from pet_mtl.training.steps import TrainingSteps

    watch = _Watch()
    suite = load_suite(file)
    settings, machine = suite.train, Machine.choose(suite.train.precision, suite.train.attention)
    tokenizer = load_pieces(suite_model(suite))
    mlm = load_backbone(suite_model(suite), attention=machine.attention.value)
    data = watch.part("read", lambda: load_suite_data(suite))
    rows = {name: task.train for name, task in data.items()}

    def build() -> tuple[Any, Any]:
        compiled = compile_suite(suite, tokenizer)
        return compiled, build_model(mlm, compiled, suite, machine)

    compiled, model = watch.part("compile", build)
    length = settings.max_length
    prompts = watch.part(
        "encode", lambda: encode_forms(compiled.forms, rows, tokenizer, length, windows=False)
    )
    schedule = Schedule(
        prompts,
        temperature=suite.sampling.temperature,
        batch_tokens=settings.batch_tokens,
        seed=settings.seed,
    )
    watch.part("plan", lambda: schedule.epoch(0))
    plans = score_plans(prompts, machine)
    spread = plans[:: max(1, len(prompts) // SAMPLE)]
    score_items(model, prompts, spread[:3], machine, tokenizer)
    watch.took(
        "score",
        per_thousand(
            seconds, spread, lambda plan: _score(model, prompts, plan, machine, tokenizer)
        ),
    )
    progress = Progress()
    steps = TrainingSteps(
        model, prompts, schedule, settings, machine, Accelerator(), tokenizer, progress
    )

    def step(_: Any) -> int:
        did = steps.step()
        progress.step += 1
        return did

    for _ in range(3):
        step(None)
    watch.took("train", per_thousand(seconds, [None] * 1_000_000, step))
    return {
        "seconds": watch.seconds,
        "peak_gb": watch.peak_gb,
        "rows": len(prompts),
        "tokens_a_row": round(float(prompts.lengths.mean()), 1),
        "prompts_a_row": int(prompts.variants.max()),
        "precision": machine.precision.value,
        "load": load_now(),
    }


def _score(model: Any, prompts: Any, plan: Any, machine: Any, tokenizer: Any) -> int:
    from pet_mtl.scoring.log_probs import score_items

    score_items(model, prompts, [plan], machine, tokenizer)
    return len(plan.items)


def per_thousand(seconds: float, works: Sequence[Any], do: Callable[[Any], int]) -> float:
    """Do some works, all of them if there is time; return the seconds for a thousand rows."""
    rows, began = 0, time.perf_counter()
    for work in works:
        rows += do(work)
        if time.perf_counter() - began >= seconds:
            break
    return 1000 * (time.perf_counter() - began) / rows


def take(point: Point, chosen: Namespace) -> dict[str, Any]:
    """Measure a point, in a process of its own unless all is quick.

    Raises:
        SystemExit: it failed or took too long; the message says why.
    """
    with tempfile.TemporaryDirectory() as scratch:
        told = {"point": point.__dict__, "model": str(chosen.folder), "quick": chosen.quick}
        told |= {"folder": scratch, "seconds": chosen.seconds}
        if chosen.quick:
            return run_point(told)
        command = [sys.executable, __file__, "--point", json.dumps(told)]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                encoding="utf-8",
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired:
            sys.exit(f"took more than {LIMIT:g} s")
        if done.returncode:
            sys.exit((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found


def run_point(told: Mapping[str, Any]) -> dict[str, Any]:
    """Write a point's data and measure it; the data are written by another process, so that they
    are not in the peak memory."""
    point, folder = Point(**told["point"]), Path(told["folder"])
    given = (point, folder, told["model"], told["quick"])
    if told["quick"]:
        file = write_point(*given)
    else:
        import multiprocessing

        writer = multiprocessing.get_context("spawn").Process(target=write_point, args=given)
        writer.start()
        writer.join()
        file = folder / "suite.json"
    return measure(file, told["seconds"])


def main() -> None:
    if sys.argv[1:2] == ["--point"]:
        print(json.dumps(run_point(json.loads(sys.argv[2]))))
        return
    chosen = arguments()
    clock, out = Clock(chosen.minutes), chosen.out
    facts = {"machine": processor(), "base": Path(chosen.base).name, "quick": chosen.quick}
    cells = Cells(out.with_suffix(".json"), facts)
    small = Point(rows=60, labels=4) if chosen.quick else Point()
    for name, sizes in chosen.sizes.items():
        for size in sizes:
            point = AXES[name].point(small, size)
            settings = {"base": Path(chosen.base).name, "seconds": chosen.seconds, **point.__dict__}
            cell = cells.open(f"{name}/{size}", settings)
            if cell["rounds"]:
                say(f"{name} {size:,}: is there")
                continue
            if clock.over:
                say(f"{chosen.minutes:g} minutes are over; the same command goes on")
                break
            say(f"{name} {size:,}: measuring, load {load_now()}")
            began = time.monotonic()
            try:
                cell["rounds"].append(take(point, chosen))
            except SystemExit as error:
                cell["failed"] = str(error)
                say(f"  failed: {error}")
            else:
                told = cell["rounds"][0]["seconds"]
                parts = ", ".join(f"{part} {value:.3g}" for part, value in told.items())
                say(f"  {parts} s; {time.monotonic() - began:.0f} s in all")
            cells.write()
    found = lines(cells.cells)
    cells.facts["axes"] = found
    cells.write()
    text = markdown(found, facts)
    write_text(out.with_suffix(".md"), text)
    chart = chosen.chart or out.with_suffix(".svg")
    write_text(chart, charts(panels(found)))
    print(text)
    say(f"{out.with_suffix('.json')}, .md and {chart}, after {clock}")


if __name__ == "__main__":
    main()
