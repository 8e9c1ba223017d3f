"""What a linear SVM over character n-grams scores on the dev rows of a pattern file: the baseline
that needs no model; or what it says of the training rows, as soft labels.

    python benchmarks/linear_svm.py --data-root DIR [--patterns FILE] [--out
    benchmarks/results/linear_svm.json]
    python benchmarks/linear_svm.py --data-root DIR --soft-labels OUT [--tasks tnews,ocemotion]

DIR holds the Tianchi training files. Each field has TF-IDF features of its own (1 to 3 characters,
at least two rows, sublinear counts); all combinations of C and class weights are shown, so nothing
is chosen on the dev rows in secret.

Soft labels (OUT/TASK.jsonl) are out of fold: a row's are those of an SVM (C = 0.2) trained on the
four fifths of the training rows that do not hold its text. They are the softmax of its decision
values times a number, by which the labels of all rows are likeliest.
"""

import json
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import hstack
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.svm import LinearSVC
from turns import run_script, script_parser

from pet_mtl.atomic import write_text
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.distillation.folds import fold_rows
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.suite import Suite, load_suite

PENALTIES = (0.1, 0.2, 0.5, 1.0)
CLASS_WEIGHTS = (None, "balanced")
FOLDS, SOFT_PENALTY = 5, 0.2


def features(train: Rows, dev: Rows) -> tuple[Any, Any]:
    """Return the sparse features of both, `[rows, n-grams]`; the vocabulary is that of the training
    rows."""
    both: tuple[list[Any], list[Any]] = [], []
    for name in train.fields:
        vectorizer = TfidfVectorizer(
            analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True
        )
        both[0].append(vectorizer.fit_transform(train.fields[name].to_pylist()))
        both[1].append(vectorizer.transform(dev.fields[name].to_pylist()))
    return hstack(both[0]).tocsr(), hstack(both[1]).tocsr()


def soft_labels(task: str, train: Rows, labels: int, seed: int) -> NDArray[np.float64]:
    """Return what is said of each training row out of fold, `[rows, K]`."""
    known, _ = features(train, train.take(np.arange(1)))
    fold = fold_rows(row_keys(train), train.labels, FOLDS, seed, task)
    values = np.zeros((len(train), labels))
    for number in range(FOLDS):
        others = fold != number
        svm = LinearSVC(C=SOFT_PENALTY).fit(known[others], train.labels[others])
        decided = svm.decision_function(known[~others])
        of_each = np.stack([-decided, decided], 1) if decided.ndim == 1 else decided
        values[np.ix_(~others, svm.classes_)] = of_each

    def loss(factor: float) -> float:
        scores = log_softmax(factor * values, axis=1)
        return -float(scores[np.arange(len(train)), train.labels].mean())

    factor = minimize_scalar(loss, bounds=(0.1, 20), method="bounded").x
    return np.exp(log_softmax(factor * values, axis=1))


def write_soft_labels(suite: Suite, out: Path) -> None:
    """Write a file of soft labels for each task."""
    out.mkdir(parents=True, exist_ok=True)
    for name, data in load_suite_data(suite).items():
        labels = suite.tasks[name].verbalizer.labels
        probs = soft_labels(name, data.train, len(labels), suite.train.seed)
        with (out / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for row, said in enumerate(probs.round(4).tolist()):
                record = data.train.text(row) | {
                    "probabilities": dict(zip(labels, said, strict=True))
                }
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        print(out / f"{name}.jsonl", file=sys.stderr)


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--patterns", type=Path, default=bundled_pattern_file("tianchi"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--soft-labels", type=Path, metavar="DIR")
    parser.add_argument("--tasks", type=lambda text: text.split(","))
    chosen = parser.parse_args()
    suite = load_suite(chosen.patterns, data_root=chosen.data_root, only=chosen.tasks)
    if chosen.soft_labels:
        write_soft_labels(suite, chosen.soft_labels)
        return
    found: dict[str, list[dict[str, Any]]] = {}
    for task, data in load_suite_data(suite).items():
        assert data.dev is not None
        known, new = features(data.train, data.dev)
        for penalty, weight in product(PENALTIES, CLASS_WEIGHTS):
            start = time.perf_counter()
            guessed = (
                LinearSVC(C=penalty, class_weight=weight).fit(known, data.train.labels).predict(new)
            )
            entry = {
                "C": penalty,
                "class_weight": weight,
                "macro_f1": round(float(f1_score(data.dev.labels, guessed, average="macro")), 4),
                "accuracy": round(float(accuracy_score(data.dev.labels, guessed)), 4),
                "seconds": round(time.perf_counter() - start, 1),
            }
            print(task, entry, file=sys.stderr, flush=True)
            found.setdefault(task, []).append(entry)
    best = {task: max(entry["macro_f1"] for entry in entries) for task, entries in found.items()}
    result = {
        "best_macro_f1": best,
        "mean": round(sum(best.values()) / len(best), 4),
        "tasks": found,
    }
    text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
    if chosen.out:
        write_text(chosen.out, text)
    print(text, end="")


if __name__ == "__main__":
    run_script(main)
