"""What the campaign damages: a small project with models, runs, comparisons and caches, and the
commands that read each part."""

import gzip
import json
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mutate

TESTS = Path(__file__).parent.parent
LIMIT = ["-s", "train.max_steps=1", "-s", "train.precision=fp32"]
Command = list[str]


@dataclass(frozen=True)
class Place:
    """Files of one kind, damaged one at a time, and what reads them.

    Attributes:
        files: globs below the project.
        commands: of which one is drawn; `{file}` stands for the damaged file.
        parts: folders and files of the project that the commands need.
        share: how often it is drawn, relative to others.
    """

    files: Sequence[str]
    commands: Sequence[Command]
    parts: Sequence[str]
    share: float = 1.0


SUITE = ("toy.yaml", "topic.txt", "*.tsv", "model")
OF_SUITE = "--patterns toy.yaml"
CHECK = f"data check {OF_SUITE}".split()
WORDS = f"words check {OF_SUITE} --json".split()
TRAIN = [*f"train {OF_SUITE} --out new --json".split(), *LIMIT]
SCORE = ["score", "run/checkpoint", "--data", "topic=topic.dev.tsv", "--json"]
PREDICT = ["predict", "run/checkpoint", "--out", "predicted", "--format", "csv", "--data"]
COMPARE = f"compare {OF_SUITE} --methods pet --seeds 1 --out cmp --json".split() + LIMIT
PRETRAIN = [
    "pretrain",
    "--model",
    "model",
    "--corpus",
    "corpus.txt",
    "--out",
    "new",
    "--cache",
    "pre/cache",
]
PRETRAIN += ["-s", "max_steps=1", "-s", "max_length=32", "-s", "precision=fp32"]
TRY = f"words try {OF_SUITE} --cache states --json".split()

ROWS = [f"rows/rows.{suffix}" for suffix in ("csv", "tsv", "json", "jsonl", "parquet", "csv.gz")]
ROW_COMMANDS = [
    ["init", "{file}", "--out", "made", "--force"],
    ["init", "{file}", "--out", "made", "--text", "text", "--label", "label"],
    [*PREDICT, "topic={file}"],
    ["score", "run/checkpoint", "--data", "topic={file}", "--labels"],
    ["data", "check", "--corpus", "{file}"],
]
PLACES: dict[str, Place] = {
    "yaml": Place(["toy.yaml"], [CHECK, WORDS, TRAIN], SUITE, 3),
    "verbalizer": Place(["topic.txt"], [WORDS, TRY, CHECK], SUITE, 2),
    "suite rows": Place(
        ["*.tsv"], [CHECK, f"data clean {OF_SUITE} --out clean".split(), TRAIN], SUITE, 2
    ),
    "rows": Place(ROWS, ROW_COMMANDS, ("rows", "run/checkpoint"), 4),
    "recipe": Place(
        ["new.yaml"],
        [
            [
                "pretrain",
                "--from-scratch",
                "new.yaml",
                "--corpus",
                "corpus.txt",
                "--out",
                "new",
                "-s",
                "max_steps=1",
            ]
        ],
        ("new.yaml", "corpus.txt"),
    ),
    "corpus": Place(["corpus.txt"], [PRETRAIN], ("corpus.txt", "model")),
    "model": Place(["model/*"], [WORDS, TRAIN], SUITE, 3),
    "checkpoint": Place(
        ["run/checkpoint/*"],
        [
            SCORE,
            [*PREDICT, "topic=topic.dev.tsv"],
            ["average", "run/checkpoint", "run/last", "--out", "av"],
        ],
        ("run/checkpoint", "run/last", "*.tsv"),
        4,
    ),
    "run": Place(
        ["run/last/*", "run/metrics.jsonl", "run/teacher.safetensors", "run/checkpoint/*"],
        [["train", "--resume", "--out", "run", "--json"]],
        (*SUITE, "run"),
        3,
    ),
    "teacher": Place(
        ["run/checkpoint/*"], [[*TRAIN, "--teacher", "run/checkpoint"]], (*SUITE, "run/checkpoint")
    ),
    "pretraining": Place(
        ["pre/last/*", "pre/metrics.jsonl"],
        [["pretrain", "--resume", "--out", "pre", "--json"]],
        ("pre", "corpus.txt", "model"),
        2,
    ),
    "text cache": Place(["pre/cache/*/*"], [PRETRAIN], ("pre/cache", "corpus.txt", "model"), 2),
    "state cache": Place(["states/*/*"], [TRY], (*SUITE, "states")),
    "comparison": Place(
        ["cmp/compare.json", "cmp/cells/*/result.json"], [COMPARE], (*SUITE, "cmp"), 2
    ),
}
KEYS = (
    [
        f"train.{key}"
        for key in ["epochs", "batch_tokens", "learning_rate", "max_length", "warmup", "seed"]
    ]
    + ["train.accumulate", "train.weighting", "train.losses.focal.gamma", "train.dropout"]
    + ["train.label_share", "train.clip_norm", "train.surgery", "train.evaluate_every"]
    + [
        "sampling.temperature",
        "method",
        "method.name",
        "method.experts",
        "method.width",
        "model",
        "version",
    ]
    + ["tasks.topic.patterns", "tasks.topic.prefix", "tasks.topic.columns.title", "tasks.topic"]
    + ["tasks.topic.verbalizer", "tasks.topic.calibration", "tasks.topic.pattern_weights"]
    + ["tasks.topic.verbalizer_kind", "tasks.topic.data.train", "tasks.topic.data.dev", "x.y"]
)
METHODS = ["pet", "heads", "cln"]
OPTIONS = {
    "train": "--patterns --model --data-root --verbalizer -s --out --method --sharing --tasks "
    "--teacher --skip-bad-rows --resume --json",
    "score": "--data --verbalizer --calibration --data-root --labels --strict --skip-bad-rows "
    "--patterns --json",
    "predict": "--data --out --format --verbalizer --calibration --json",
    "init": "--out --task --label --text --header --no-header --force --json",
    "data check": "--patterns --data-root --corpus --text-key --model --json",
    "data clean": "--out --patterns --data-root --conflicts --json",
    "words check": "--patterns --model --verbalizer --json",
    "words try": "--patterns --model --verbalizer --rows --limit --data-root --cache --json",
    "words suggest": "topic --patterns --model --limit --most --min-prior --seed --write --json",
    "average": "run/checkpoint run/last --out",
    "compare": "--methods --shots --few-shot-steps --out",
    "pretrain": "--model --from-scratch --corpus --patterns --task-text --out --masking -s",
}
GOOD = ["toy.yaml", "topic=topic.txt", "topic=topic.dev.tsv", "model", "run/checkpoint", "new"]
GOOD += ["heads", "cln", "pet", "topic", "1", "0", "2", "jsonl", "tianchi", "title", "run", "."]


def build(project: Path, invoke: Callable[[Command], object]) -> None:
    """Make the project, all of whose parts are in order."""
    sys.path.insert(0, str(TESTS))
    import toys
    from toy_suite import write_suite

    project.mkdir(parents=True)
    toys.word_piece_tokenizer().save_pretrained(project / "model")
    toys.build_mlm("bert", len(toys.word_piece_tokenizer())).save_pretrained(project / "model")
    write_suite(project, Path("model"), limit="max_steps: 2", train=6, dev=3)
    text = "一条新闻天气真好。\n体育文化不是科技。\n\n" * 40
    (project / "corpus.txt").write_text(text, encoding="utf-8")
    (project / "new.yaml").write_text(
        "version: 1\nmodel: {hidden_size: 16, layers: 1, heads: 2, positions: 64}\n"
        "vocabulary: {size: 64, min_frequency: 1}\ntrain: {max_steps: 1, max_length: 32}\n"
    )
    _write_rows(project / "rows")
    for command in (
        f"train {OF_SUITE} --out first".split() + LIMIT,
        f"train {OF_SUITE} --out run --teacher first/checkpoint".split() + LIMIT,
        [
            "pretrain",
            "--model",
            "model",
            "--corpus",
            "corpus.txt",
            "--out",
            "pre",
            "-s",
            "max_length=32",
            "-s",
            "max_steps=2",
        ],
        COMPARE,
        TRY,
    ):
        invoke(command)


def _write_rows(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    table = [
        {"id": str(i), "title": f"新闻{i}，好 天气", "label": ("news", "sport", "tech art")[i % 3]}
        for i in range(12)
    ]
    names = list(table[0])
    lines = [names, *([row[name] for name in names] for row in table)]
    for suffix, separator in (("csv", ","), ("tsv", "\t")):
        content = "".join(separator.join(line) + "\n" for line in lines)
        (folder / f"rows.{suffix}").write_text(content, encoding="utf-8")
    (folder / "rows.csv.gz").write_bytes(gzip.compress((folder / "rows.csv").read_bytes()))
    (folder / "rows.json").write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
    lines_ = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table)
    (folder / "rows.jsonl").write_text(lines_, encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(table), folder / "rows.parquet")


def copy_parts(project: Path, parts: Sequence[str], to: Path) -> None:
    """Copy some parts of the project into a fresh folder."""
    to.mkdir(parents=True)
    for part in parts:
        for source in project.glob(part):
            target = to / source.relative_to(project)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)


def draw_input(seed: int, project: Path, to: Path) -> tuple[str, Command, Path | None]:
    """Lay out one input in a fresh folder; return its kind, the command, and the damaged file."""
    draw = random.Random(seed)
    kind = draw.choices(
        [*PLACES, "override", "command"], [*(place.share for place in PLACES.values()), 3, 3]
    )[0]
    if kind == "override":
        copy_parts(project, SUITE, to)
        return kind, [*TRAIN[:-4], *_overrides(draw), *LIMIT], None
    if kind == "command":
        copy_parts(project, (*SUITE, "run/checkpoint", "run/last", "corpus.txt"), to)
        return kind, _command(draw), None
    place = PLACES[kind]
    copy_parts(project, place.parts, to)
    files = sorted(file for each in place.files for file in to.glob(each) if file.is_file())
    file = draw.choice(files)
    file.write_bytes(mutate.mutate_file(draw, file.name, file.read_bytes()))
    if draw.random() < 0.5:
        seal(file)
    name = str(file.relative_to(to))
    return kind, [part.replace("{file}", name) for part in draw.choice(place.commands)], file


def seal(file: Path) -> None:
    """Make the sums of a folder fit its changed file, so that what lies behind them is tried."""
    from pet_mtl.storage.digests import DIGESTS, file_digest

    for name, key in (("pet_mtl.json", "sha256"), (DIGESTS, None)):
        manifest = file.parent / name
        if manifest == file or not manifest.is_file():
            continue
        content = json.loads(manifest.read_text(encoding="utf-8"))
        sums = content if key is None else content[key]
        if file.name in sums:
            sums[file.name] = file_digest(file)
            manifest.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _value(draw: random.Random) -> str:
    value = draw.choice([*mutate.HOSTILE, *map(str, mutate.VALUES), *GOOD])
    return value[:2000].replace("\0", "")


def _overrides(draw: random.Random) -> Command:
    given = []
    for _ in range(draw.choice((1, 1, 2, 5))):
        key = draw.choice(KEYS) if draw.random() < 0.9 else mutate.mutate_text(draw, "train.seed")
        text = f"{key}={_value(draw)}".replace("\0", "")
        given += ["-s", text]
    return given


def _command(draw: random.Random) -> Command:
    name = draw.choice(list(OPTIONS))
    words = name.split()
    options = OPTIONS[name].split()
    for option in draw.sample(options, min(len(options), draw.randrange(1, 5))):
        words.append(option)
        if option.startswith("-") and draw.random() < 0.85:
            words.append(draw.choice(GOOD) if draw.random() < 0.5 else _value(draw))
    if name in ("train", "compare"):
        words += LIMIT
    if name == "compare":
        words += ["--patterns", "toy.yaml", "--seeds", "1"]
    if name == "pretrain":
        words += ["-s", "max_steps=1"]
    return [word.encode("utf-8", "replace").decode() for word in words]
