"""FewCLUE's protocol (Xu et al. 2021): accuracy over the benchmark's five splits, mean and sd.

    python benchmarks/fewclue.py --data-root DIR [--test-root DIR] [--model M] [--tasks NAME ...]
        [--joint] [--efl] [--unlabelled [pet|ipet|untrained]] [-s KEY=VALUE ...] [--out FOLDER] [--json]

DIR holds TASK/train_0.json … train_4.json. Rows to score are, in this order: TASK/test_public.json
of --test-root; TASK/dev_0.json … of DIR; for a task without dev files the training rows of the
other four splits. A model is trained on a split's rows with the settings of
`patterns/fewclue.yaml` and `SETTINGS` below, those of eprstmt and tnews tried on dev rows; no
checkpoint is chosen on the rows that are reported: the last weights are scored. `sd` is the sample's (divided by n - 1).

--json prints `{"tasks": {TASK: {"mean", "sd", "splits"}}}`, else a Markdown table is printed. With
--out each split's result is kept, and the same command goes on where it was stopped.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fewclue_rows import SPLITS, TEST, read_scored, rows_to_score
from fewclue_table import markdown, summary
from fewclue_unlabelled import TEACHERS, train_student
from numpy.typing import NDArray
from turns import script_parser

from pet_mtl import console
from pet_mtl.atomic import require_folder, write_text
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_train
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.kinds import kind_of
from pet_mtl.model.allocator import keep_freed_memory
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.storage.backbone_digests import weights_digest
from pet_mtl.storage.pretrained import suite_model
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.task import DataSpec
from pet_mtl.training.run import train

TASKS = ("eprstmt", "bustm", "ocnli", "csldcp", "tnews", "iflytek")
# Tried with zh-small, see docs/fewclue.md; those of csldcp and iflytek were not searched. A joint
# model has those that all its tasks have.
SETTINGS: dict[str, tuple[str, ...]] = {
    "eprstmt": ("train.epochs=10", "train.learning_rate=5e-5"),
    "bustm": ("train.epochs=10", "train.learning_rate=5e-5"),
    "ocnli": ("train.epochs=10",),
    "tnews": ("train.epochs=3",),
    "csldcp": ("train.epochs=6",),
    "iflytek": ("train.epochs=6",),
}
# As EFL (Wang et al. 2021): is the statement with the label's word true or false?
EFL = ("tasks.bustm.kind=entailment", "tasks.ocnli.kind=entailment")


def check_root(root: Path, option: str) -> None:
    """Refuse a root without any of the tasks' folders."""
    if not any((root / task).is_dir() for task in TASKS):
        raise PetMtlError(
            "no folder of any FewCLUE task is here" if root.is_dir() else "there is no such folder",
            where=f"{option} {root}",
            hint=f"it holds a folder for each task: {', '.join(TASKS)}",
        )


def named_tasks(root: Path, named: Sequence[str] | None) -> list[str]:
    """Return the tasks to run: those named, else those that the root has."""
    if named is None:
        found = [task for task in TASKS if (root / task).is_dir()]
        if missing := [task for task in TASKS if task not in found]:
            console.say(f"note: {root} has no folder of {', '.join(missing)}")
        return found
    tasks = [name for text in named for name in text.split(",") if name]
    if unknown := [name for name in tasks if name not in TASKS]:
        raise PetMtlError(
            f"no FewCLUE task `{unknown[0]}`",
            where="--tasks",
            hint=f"the tasks are {', '.join(TASKS)}",
        )
    if not tasks:
        raise PetMtlError("names no task", where="--tasks", hint=f"such as `--tasks {TASKS[0]}`")
    return list(dict.fromkeys(tasks))


def _scored(chosen: argparse.Namespace, task: str, split: int) -> list[Path]:
    return rows_to_score(chosen.data_root, chosen.test_root, task, split)


def check_files(chosen: argparse.Namespace, tasks: Sequence[str]) -> None:
    """Say which files are missing, all at once."""
    problems = ProblemList()
    root = chosen.data_root
    for task in tasks:
        wanted = [root / task / f"train_{split}.json" for split in SPLITS]
        for split in SPLITS:
            wanted += _scored(chosen, task, split)
        for file in dict.fromkeys(wanted):
            if not file.is_file():
                problems.add(
                    "there is no such file",
                    where=str(file),
                    hint="name the tasks that `--test-root` has: `--tasks NAME ...`"
                    if file.name == TEST
                    else "FewCLUE's files of all five splits are needed, 0 to 4",
                )
        if chosen.unlabelled and not (root / task / "unlabeled.json").is_file():
            problems.add(
                f"`{task}` has no unlabelled rows",
                where=str(root / task / "unlabeled.json"),
                hint="name the tasks that have some: `--tasks eprstmt bustm`",
            )
        if len(_scored(chosen, task, 0)) > 1:
            console.say(
                f"note: {task} has no dev files: a split is scored on the training rows of the "
                "other four"
            )
    problems.raise_if_any()


def split_suite(chosen: argparse.Namespace, tasks: Sequence[str], split: int) -> Suite:
    """Return the suite of one model: its tasks with the training rows of a split, no dev rows."""
    overrides = [
        setting
        for setting in SETTINGS[tasks[0]]
        if all(setting in SETTINGS[task] for task in tasks)
    ]
    if chosen.efl:
        overrides += [line for line in EFL if line.split(".")[1] in tasks]
    suite = load_suite(
        bundled_pattern_file("fewclue"),
        overrides=[*overrides, f"train.seed={split}", *chosen.set],
        data_root=chosen.data_root,
        model=chosen.model,
        only=tasks,
    )
    specs = {}
    for name, task in suite.tasks.items():
        data = DataSpec(train=(f"{name}/train_{split}.json",))
        specs[name] = task.model_copy(update={"data": data, "calibration": "none"})
    settings = suite.train.model_copy(update={"evaluate_every": 1_000_000_000})
    return suite.model_copy(update={"tasks": specs, "train": settings})


def check_rows(chosen: argparse.Namespace, suite: Suite, split: int) -> dict[str, Rows]:
    """Read all rows of a model, and return those to score by task."""
    rows = {}
    for name, task in suite.tasks.items():
        load_train(task, Path(suite.base), suite.train.seed)
        train_file = chosen.data_root / name / f"train_{split}.json"
        rows[name] = read_scored(task, _scored(chosen, name, split), train_file)
    return rows


def run_split(
    chosen: argparse.Namespace, suite: Suite, split: int, rows: Mapping[str, Rows]
) -> dict[str, float]:
    """Train on a split and return the accuracy of each task on its rows."""
    with tempfile.TemporaryDirectory(dir=chosen.out) as folder:
        work = Path(folder)
        if chosen.unlabelled:
            checkpoint = train_student(chosen.unlabelled, chosen.data_root, suite, work)
        else:
            train(suite, work / "run")
            checkpoint = work / "run" / "checkpoint"
        log_probs = LoadedCheckpoint(checkpoint).log_probs(rows)
    found = {}
    for name, task in suite.tasks.items():
        decided: NDArray[Any] = kind_of(task).decide(log_probs[name])
        found[name] = float(np.mean(decided == rows[name].labels))
    return found


def digest(chosen: argparse.Namespace, suite: Suite, split: int) -> str:
    """Return what a split's result depends on, as a short text."""
    parts = {"model", "tasks", "train", "sampling", "method"}
    places = {"tasks": {"__all__": {"verbalizer": {"source", "lines"}}}}
    settings = suite.model_dump(mode="json", include=parts, exclude=places)
    model = suite_model(suite)
    made_of = [settings, chosen.unlabelled, weights_digest(model)]
    sha = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode())
    files = []
    for name in suite.tasks:
        files += [chosen.data_root / name / f"train_{split}.json"]
        files += _scored(chosen, name, split)
        if chosen.unlabelled:
            files.append(chosen.data_root / name / "unlabeled.json")
    for file in [*files, *sorted(Path(model).glob("*.json")), *Path(model).glob("vocab.txt")]:
        sha.update(hashlib.sha256(file.read_bytes()).digest())
    return sha.hexdigest()[:16]


def kept_result(file: Path, wanted: str, tasks: Sequence[str]) -> dict[str, float] | None:
    """Return the result of a split that is there already, made with the same settings and rows."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        same = kept["digest"] == wanted and set(kept["accuracy"]) == set(tasks)
        return {name: float(value) for name, value in kept["accuracy"].items()} if same else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--test-root", type=Path)
    parser.add_argument("--model", default="zh-small")
    parser.add_argument("--tasks", nargs="+", metavar="NAME", help="or NAME,NAME,…")
    parser.add_argument("--joint", action="store_true", help="one model for all tasks")
    parser.add_argument("--efl", action="store_true", help="pairs as statements: bustm, ocnli")
    parser.add_argument("--unlabelled", nargs="?", const="pet", choices=TEACHERS)
    parser.add_argument("-s", "--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="keeps each split's result")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> None:
    check_root(chosen.data_root, "--data-root")
    if chosen.test_root is not None:
        check_root(chosen.test_root, "--test-root")
    tasks = named_tasks(chosen.data_root, chosen.tasks)
    if chosen.joint and chosen.unlabelled:
        raise PetMtlError(
            "unlabelled rows are learned by a model for each task",
            where="--joint --unlabelled",
            hint="leave one of both out",
        )
    check_files(chosen, tasks)
    if chosen.out is not None:
        require_folder(chosen.out)
        chosen.out.mkdir(parents=True, exist_ok=True)
    groups = [tuple(tasks)] if chosen.joint else [(task,) for task in tasks]
    models = [(split, split_suite(chosen, group, split)) for group in groups for split in SPLITS]
    # before the first is trained: a bad row of the last would cost what all before it found
    read = [check_rows(chosen, suite, split) for split, suite in models]
    found: dict[str, list[float]] = {task: [] for task in tasks}
    for (split, suite), rows in zip(models, read, strict=True):
        wanted = digest(chosen, suite, split)
        name = f"{'+'.join(suite.tasks)}-{split}"
        file = None if chosen.out is None else chosen.out / f"{name}-{wanted}.json"
        accuracy = None if file is None else kept_result(file, wanted, [*suite.tasks])
        if accuracy is None:
            accuracy = run_split(chosen, suite, split, rows)
            if file is not None:
                kept = {"split": split, "digest": wanted, "accuracy": accuracy}
                write_text(file, json.dumps(kept, indent=1) + "\n")
        console.say(f"fewclue: split {split}: {accuracy}")
        for task in suite.tasks:
            found[task].append(accuracy[task])
    scores = {task: summary(values) for task, values in found.items()}
    if chosen.json:
        console.put_json({"tasks": scores})
        return
    how = "joint model" if chosen.joint else "a model a task"
    how += ", EFL" * chosen.efl + f", {chosen.unlabelled}" * bool(chosen.unlabelled)
    rows = "`test_public.json`" if chosen.test_root else "dev rows"
    if bare := [task for task in tasks if len(_scored(chosen, task, 0)) > 1]:
        rows += f" ({', '.join(bare)}: training rows of the other splits)"
    console.put(markdown(scores, f"pet-mtl, {chosen.model}, {how}", rows))


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse(arguments)
    console.prepare_streams()
    console.show()
    keep_freed_memory()
    try:
        run(chosen)
    except PetMtlError as error:
        for line in error.lines():
            console.complain(f"error: {line}")
        return error.exit_code
    except KeyboardInterrupt:
        console.complain("stopped")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
