"""Few labelled rows of the contest's training files, and unlabelled ones beside them, as files for
`pet-mtl distill`.

    python benchmarks/few_labels.py --data-root DIR --out FOLDER [--patterns tianchi-few] [--shots 16] [--unlabelled 3000]
        [--dev 800] [--seed 42]
    pet-mtl distill --patterns FOLDER/patterns/few.yaml --data-root FOLDER --out RUN …

DIR holds the Tianchi training files. Of each task `--shots` rows of each label keep theirs, others
lose them; dev rows are some of those that `split` holds out. The pattern file is the chosen one
with other rows.
"""

import csv
import shutil
from pathlib import Path

import numpy as np
from turns import run_script, script_parser

from pet_mtl import console
from pet_mtl.comparison.shots import few_rows
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task import TaskSpec


def write_rows(file: Path, task: TaskSpec, rows: Rows, *, labelled: bool = True) -> None:
    """Write `number, text …, label` by tabs, as the contest's files have them."""
    texts = [rows.fields[name].to_pylist() for name in task.fields]
    labels = [task.verbalizer.labels[number] if labelled else "" for number in rows.labels]
    with file.open("w", encoding="utf-8", newline="") as opened:
        out = csv.writer(opened, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
        out.writerows(
            [number, *(" ".join(text.split()) for text in row), label]
            for number, (*row, label) in enumerate(zip(*texts, labels, strict=True))
        )


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--patterns", default="tianchi-few")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shots", type=int, default=16)
    parser.add_argument("--unlabelled", type=int, default=3000)
    parser.add_argument("--dev", type=int, default=800)
    parser.add_argument("--seed", type=int, default=42)
    chosen = parser.parse_args()
    console.show()
    file = bundled_pattern_file(chosen.patterns)
    suite = load_suite(file, data_root=chosen.data_root, overrides=[f"train.seed={chosen.seed}"])
    data = load_suite_data(suite)
    few = few_rows(data, chosen.shots, chosen.seed)
    text = file.read_text(encoding="utf-8")
    (chosen.out / "patterns").mkdir(parents=True, exist_ok=True)
    for name, task in suite.tasks.items():
        of_task, draw = data[name], np.random.default_rng(chosen.seed)
        rest = np.flatnonzero(~np.isin(of_task.train_keys, few[name].train_keys))
        more = of_task.train.take(np.sort(draw.permutation(rest)[: chosen.unlabelled]))
        dev = of_task.dev.take(np.sort(draw.permutation(len(of_task.dev))[: chosen.dev]))
        write_rows(chosen.out / f"{name}_few.csv", task, few[name].train)
        write_rows(chosen.out / f"{name}_more.csv", task, more, labelled=False)
        write_rows(chosen.out / f"{name}_dev.csv", task, dev)
        whole = f"{{train: {name.upper()}_train.csv, dev: {{split: 0.1}}}}"
        if whole not in text:
            parser.error(f"{file} has no `data: {whole}`")
        rows = f"train: {name}_few.csv, unlabelled: {name}_more.csv, dev: {name}_dev.csv"
        text = text.replace(whole, f"{{{rows}}}")
    (chosen.out / "patterns" / "few.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(
        file.parent.parent / "verbalizers", chosen.out / "verbalizers", dirs_exist_ok=True
    )


if __name__ == "__main__":
    run_script(main)
