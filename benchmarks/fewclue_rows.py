"""The rows that `fewclue.py` scores."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pet_mtl.data.keys import row_keys
from pet_mtl.data.readers import read_rows
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.task import TaskSpec

SPLITS = range(5)
TEST = "test_public.json"
NO_LABEL = "-"  # OCNLI: the annotators did not agree


def rows_to_score(root: Path, test_root: Path | None, task: str, split: int) -> list[Path]:
    """Return the files whose rows a split is scored on."""
    if test_root is not None:
        return [test_root / task / TEST]
    if any((root / task / f"dev_{number}.json").is_file() for number in SPLITS):
        return [root / task / f"dev_{split}.json"]
    return [root / task / f"train_{other}.json" for other in SPLITS if other != split]


def read_scored(task: TaskSpec, files: Sequence[Path], train_file: Path) -> Rows:
    """Read the rows to score; of several files without those that are trained on, and without rows
    that have no label.

    Raises:
        PetMtlError: a row is not right; none is left.
    """
    words = task.verbalizer
    labels, known = (*words.labels, NO_LABEL), len(words.labels)
    more = {"labels": labels, "words": (*words.words, (NO_LABEL,)), "lines": ()}
    read = task.model_copy(update={"verbalizer": words.model_copy(update=more)})
    rows = Rows.concat([read_rows(str(file.resolve()), read, base=Path())[0] for file in files])
    rows = rows.take(np.flatnonzero(rows.labels < known))
    if len(files) > 1:
        trained = row_keys(read_rows(str(train_file.resolve()), task, base=Path())[0])
        keys = row_keys(rows)
        first = np.unique(keys, return_index=True)[1]
        rows = rows.take(np.sort(first[~np.isin(keys[first], trained)]))
    if not len(rows):
        raise PetMtlError(
            "no row is left to score",
            where=", ".join(map(str, files)),
            hint="rows without a label are left out, and of several files those that are trained on",
        )
    return rows
