"""What a linear SVM over character n-grams scores on the dev rows of a pattern file: the baseline
that needs no model.

    python benchmarks/linear_svm.py --data-root DIR [--patterns FILE] [--out
    benchmarks/results/linear_svm.json]

DIR holds the Tianchi training files. Each field has TF-IDF features of its own (1 to 3 characters,
at least two rows, sublinear counts); all combinations of C and class weights are shown, so nothing
is chosen on the dev rows in secret.
"""

import argparse
import json
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.svm import LinearSVC

from pet_mtl.atomic import write_text
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.suite import load_suite

PENALTIES = (0.1, 0.2, 0.5, 1.0)
CLASS_WEIGHTS = (None, "balanced")


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--patterns", type=Path, default=bundled_pattern_file("tianchi"))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    for task, data in load_suite_data(
        load_suite(chosen.patterns, data_root=chosen.data_root)
    ).items():
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
    main()
