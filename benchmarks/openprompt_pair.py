"""Measure pet-mtl beside OpenPrompt: the same backbone, rows, pattern and label words, on the same
machine.

    python benchmarks/openprompt_pair.py --openprompt-python openprompt-env/bin/python --rows
    TNEWS.csv --model BERT

`openprompt-env` is an environment of its own, since OpenPrompt needs an old transformers;
benchmarks/README.md tells how to make it. Each run is a fresh process, and the two systems take
turns, so that a machine whose speed changes from minute to minute slows both: only the ratios mean
anything. Writes `openprompt_pair.json` and `.md` into `benchmarks/results`.
"""

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from made_up import write_rows, write_task
from turns import Result, last_json, processor, say, script_parser, start

from pet_mtl.resources import bundled_backbone

# No torch in this process: on Linux a child's peak memory starts at what its parent holds when it
# is started.

HERE = Path(__file__).parent
WORDS = "故文娱体财房车教科军旅国股农游好坏喜怒哀乐春夏秋冬东南西北"
PATTERN = "这是一条{mask}新闻：{title}"
SHORTEST = 2.0  # seconds of measured time below which a rate is mostly noise
MEMORY = """
import resource, sys
IMPORTS
from transformers import BertForMaskedLM, BertTokenizer
try:
    with open("/proc/self/status") as status:
        print(next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024 / 1e9)
except OSError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9)
"""


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument(
        "--openprompt-python", required=True, metavar="PATH", help="Python that has OpenPrompt"
    )
    parser.add_argument(
        "--rows", required=True, type=Path, metavar="FILE", help="`id text label`, tab-separated"
    )
    parser.add_argument(
        "--model", required=True, help="folder of a BERT masked language model with a `vocab.txt`"
    )
    parser.add_argument("--limit", type=int, default=640, help="rows for OpenPrompt")
    parser.add_argument(
        "--our-limit",
        type=int,
        default=16000,
        help="rows for pet-mtl, which needs more for the same time",
    )
    parser.add_argument("--steps", type=int, default=120, help="training steps of pet-mtl")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results", metavar="DIR")
    return parser.parse_args()


def read_rows(file: Path, limit: int) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [
            row
            for row in csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            if len(row) == 3 and row[1]
        ]
    if len(rows) < limit:
        sys.exit(
            f"error: {file} has only {len(rows)} rows of the form `id text label`, but {limit} "
            "are wanted"
        )
    return rows[:limit]


def label_words(rows: list[list[str]]) -> dict[str, str]:
    """Give each label one character: the rates do not depend on which."""
    labels = sorted({row[-1] for row in rows})
    if len(labels) > len(WORDS):
        sys.exit(f"error: {len(labels)} labels, but this benchmark has words for {len(WORDS)} only")
    return dict(zip(labels, WORDS, strict=False))


def import_memory_gb(python: str, *libraries: str) -> float:
    return float(start(python, "-c", MEMORY.replace("IMPORTS", f"import {', '.join(libraries)}")))


class Pair:
    """Both systems on one folder of rows."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args, self.folder = args, folder
        model = bundled_backbone(args.model) or Path(args.model).resolve()
        if not (model / "config.json").is_file():
            sys.exit(f"error: {args.model} is neither an embedded backbone nor a model folder")
        self.model = str(model)
        rows = read_rows(args.rows, max(args.limit, args.our_limit))
        self.words = label_words(rows)
        write_rows(folder / "few.tsv", rows[: args.limit])
        write_rows(folder / "many.tsv", rows[: args.our_limit])
        for name in ("few", "many"):
            write_task(
                folder / f"{name}.json",
                self.model,
                self.words,
                PATTERN,
                {"train": f"{name}.tsv"},
                max_length=128,
                learning_rate=1e-4,
            )

    def openprompt(self, mode: str) -> Result:
        words = json.dumps(self.words, ensure_ascii=False)
        driver, rows = HERE / "openprompt_driver.py", self.folder / "few.tsv"
        command = (driver, mode, "--model", self.model, "--rows", rows, "--words", words)
        # -W: the deprecations of the old transformers
        return last_json(start(self.args.openprompt_python, "-W", "ignore", *command))

    def our_train(self, out: Path) -> Result:
        suite, steps = self.folder / "many.json", f"train.max_steps={self.args.steps}"
        command = (
            "-m",
            "pet_mtl",
            "train",
            "--patterns",
            suite,
            "-s",
            steps,
            "--out",
            out,
            "--json",
        )
        result = last_json(start(sys.executable, *command))
        records = [
            json.loads(line)
            for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        result["measured_seconds"] = max(record.get("seconds", 0.0) for record in records)
        return result

    def our_score(self, out: Path) -> Result:
        command = (
            "-m",
            "pet_mtl",
            "score",
            out / "checkpoint",
            "--data",
            f"news={self.folder / 'many.tsv'}",
        )
        result: Result = last_json(start(sys.executable, *command, "--json"))["checkpoints"][0]
        result["measured_seconds"] = self.args.our_limit / result["samples_per_second"]
        return result

    def our_encode(self) -> Result:
        return last_json(start(sys.executable, HERE / "encode_time.py", self.folder / "few.json"))

    def round(self, number: int) -> dict[str, dict[str, float]]:
        """Run each command of both systems once; return `{measure: {"openprompt": …, "ours":
        …}}`."""
        out = self.folder / f"run-{number}"
        train = {"openprompt": self.openprompt("train"), "ours": self.our_train(out)}
        score = {"openprompt": self.openprompt("score"), "ours": self.our_score(out)}
        encode = {"openprompt": score["openprompt"], "ours": self.our_encode()}
        self.versions = train["openprompt"]["versions"]
        self.device = train["openprompt"]["device"]
        for name, pair in (("training", train), ("scoring", score)):
            for system, result in pair.items():
                seconds = result["measured_seconds"]
                if seconds < SHORTEST:
                    say(
                        f"warning: {system} {name}: only {seconds:.1f} s measured; use more rows "
                        "or steps"
                    )
        return {
            "train_rows_per_second": {
                name: one["samples_per_second"] for name, one in train.items()
            },
            "train_tokens_per_second": {
                name: one["tokens_per_second"] for name, one in train.items()
            },
            "score_rows_per_second": {
                name: one["samples_per_second"] for name, one in score.items()
            },
            "train_peak_gb": {name: one["peak_memory_gb"] for name, one in train.items()},
            "score_peak_gb": {name: one["peak_memory_gb"] for name, one in score.items()},
            "encode_ms_per_row": {
                name: 1e3 * one["encode_seconds"] / one["rows"] for name, one in encode.items()
            },
        }


def summarise(
    rounds: list[dict[str, dict[str, float]]], imports: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """Return medians, their ratio in our favour, and the smallest and largest ratio of a round, by
    measure.

    >>> one = {"train_rows_per_second": {"openprompt": 40.0, "ours": 400.0}}
    >>> summarise([one], {})["train_rows_per_second"]["ratio"]
    10.0
    """
    for one in rounds:
        for kind in ("train", "score"):
            if f"{kind}_peak_gb" in one:
                peak = one[f"{kind}_peak_gb"]
                one[f"{kind}_peak_above_imports_gb"] = {
                    name: peak[name] - imports[name] for name in peak
                }
    summary: dict[str, dict[str, Any]] = {}
    for measure in rounds[0]:
        theirs = [one[measure]["openprompt"] for one in rounds]
        ours = [one[measure]["ours"] for one in rounds]
        turned = "per_second" not in measure  # of seconds and memory, less is better
        ratios = [a / b if turned else b / a for a, b in zip(theirs, ours, strict=True)]
        middle = median(theirs) / median(ours) if turned else median(ours) / median(theirs)
        summary[measure] = {
            "openprompt": median(theirs),
            "ours": median(ours),
            "ratio": middle,
            "ratio_range": [min(ratios), max(ratios)],
        }
    return summary


NAMES = {
    "train_rows_per_second": "training, rows/s",
    "train_tokens_per_second": "training, real tokens/s",
    "score_rows_per_second": "scoring, rows/s",
    "encode_ms_per_row": "tokenising, ms a row",
    "train_peak_above_imports_gb": "training, peak memory above the imports, GB",
    "score_peak_above_imports_gb": "scoring, peak memory above the imports, GB",
    "train_peak_gb": "training, peak memory of the process, GB",
    "score_peak_gb": "scoring, peak memory of the process, GB",
}


def markdown(summary: dict[str, dict[str, Any]], notes: list[str]) -> str:
    lines = [
        "| median | OpenPrompt | pet-mtl | better by | range over rounds |",
        "|---|---:|---:|---:|---:|",
    ]
    for measure, name in NAMES.items():
        one = summary[measure]
        low, high = one["ratio_range"]
        values = f"{one['openprompt']:,.3g} | {one['ours']:,.3g}"
        lines.append(f"| {name} | {values} | **{one['ratio']:.1f}×** | {low:.1f}–{high:.1f}× |")
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(args, Path(folder))
        rounds = []
        for number in range(1, args.rounds + 1):
            rounds.append(pair.round(number))
            shown = rounds[-1]["train_rows_per_second"]
            say(
                f"round {number}/{args.rounds}: training {shown['openprompt']:.0f} and "
                f"{shown['ours']:.0f} rows/s"
            )
        imports = {
            "openprompt": import_memory_gb(
                args.openprompt_python, "torch", "transformers", "openprompt"
            ),
            "ours": import_memory_gb(sys.executable, "torch", "transformers"),
        }
    if pair.device == "cuda":  # both report the GPU's memory, which imports do not touch
        imports = dict.fromkeys(imports, 0.0)
    summary = summarise(rounds, imports)
    versions = ", ".join(f"{name} {version}" for name, version in pair.versions.items())
    notes = [
        (
            f"rounds: {args.rounds}, the systems in turn; {pair.device}, {processor()}; {versions} "
            "for OpenPrompt"
        ),
        f"backbone `{Path(pair.model).name}`, rows of `{args.rows.name}`: the first "
        f"{args.limit:,} for OpenPrompt; "
        f"the first {args.our_limit:,} ({args.steps} training steps) for pet-mtl, which needs "
        f"more for a measurable time; tokenising: the same {args.limit:,} rows",
        "OpenPrompt as in its tutorials: fp32, batches of 32, padded to 128, AdamW; pet-mtl with "
        "the defaults of its command line (precision and batches chosen by it), `max_length` 128",
        "the imports alone (torch and transformers, and openprompt on its side) hold "
        f"{imports['openprompt']:.2f} and {imports['ours']:.2f} GB",
    ]
    text = markdown(summary, notes)
    args.out.mkdir(parents=True, exist_ok=True)
    record = {"summary": summary, "imports_gb": imports, "notes": notes, "rounds": rounds}
    (args.out / "openprompt_pair.json").write_text(
        json.dumps(record, ensure_ascii=False, indent=2) + "\n", "utf-8"
    )
    (args.out / "openprompt_pair.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
