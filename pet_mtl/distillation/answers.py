"""What teachers say of the rows that a student learns from, and of the dev rows; kept on disk."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from pet_mtl.atomic import write_bytes
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import Kind
from pet_mtl.leftovers import sweep
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.storage.tensors import read_arrays
from pet_mtl.storage.trained_on import Keys, rows_seen
from pet_mtl.suite.suite import Suite
from pet_mtl.training.ask import ask_in_blocks, ask_teacher
from pet_mtl.training.teachers import together

_ROWS, _DEV = "rows:", "dev:"
_HINT = "remove the file: the teacher is then asked again"


class Answers:
    """What one teacher said, by task.

    Attributes:
        rows: `[rows, K]` probabilities of rows to learn from; NaN where it may not answer.
        dev: `[dev rows, K]`.
    """

    def __init__(self, rows: Mapping[str, FloatArray], dev: Mapping[str, FloatArray]) -> None:
        self.rows, self.dev = dict(rows), dict(dev)


def ask(
    file: Path,
    teacher: Path,
    suite: Suite,
    rows: Mapping[str, Rows],
    dev: Mapping[str, Rows],
    counted: Mapping[str, NDArray[np.int64]],
    barred: Mapping[str, Keys],
) -> Answers:
    """Ask a teacher, or read what it said before; one that was stopped goes on.

    Args:
        file: where its answers are kept; blocks of them beside it until all are there.
        teacher: its checkpoint.
        rows: rows to learn from, by task.
        dev: dev rows, by task; answered as `score` sees them, to stand beside the scores of runs.
        counted: labels whose frequencies its logit adjustment is taken back by.
        barred: keys of rows that it may not label, having been trained on them; none: all rows are
            its to answer.

    Raises:
        PetMtlError: the file is damaged or about other rows.
    """
    sweep(file)  # what a killed writer left
    blocks = file.with_suffix(".blocks")
    if file.is_file():
        shutil.rmtree(blocks, ignore_errors=True)
        return _read(file, suite, rows, dev)
    loaded = LoadedCheckpoint(teacher)
    known = [name for name in rows if name in loaded.suite.tasks]
    free = {
        name: _free(rows[name], barred.get(name), loaded.suite.tasks[name].fields) for name in known
    }
    open_rows = {name: rows[name].take(chosen) for name, chosen in free.items() if len(chosen)}
    said = ask_in_blocks(loaded, suite, open_rows, counted, blocks)
    found: dict[str, FloatArray] = {}
    for name in known:
        labels = len(suite.tasks[name].verbalizer.labels)
        found[name] = np.full((len(rows[name]), labels), np.nan, np.float32)
        if name in said:
            found[name][free[name]] = said[name]
    of_dev = {name: dev[name] for name in known if name in dev}
    answers = Answers(found, ask_teacher(loaded, suite, of_dev, None) if of_dev else {})
    tensors = {_ROWS + name: probs for name, probs in answers.rows.items()}
    tensors |= {_DEV + name: probs for name, probs in answers.dev.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, save({name: np.ascontiguousarray(t) for name, t in tensors.items()}))
    shutil.rmtree(blocks, ignore_errors=True)
    return answers


def _free(rows: Rows, barred: Keys | None, fields: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows that a teacher may label; its task may have the fields in another order."""
    every = np.arange(len(rows))
    return every if barred is None else np.delete(every, rows_seen(rows, np.sort(barred), fields))


def _read(file: Path, suite: Suite, rows: Mapping[str, Rows], dev: Mapping[str, Rows]) -> Answers:
    tensors = read_arrays(file, _HINT)
    answers = Answers(
        *(
            {
                key.removeprefix(part): value
                for key, value in tensors.items()
                if key.startswith(part)
            }
            for part in (_ROWS, _DEV)
        )
    )
    _check(answers.rows, rows, suite, file)
    _check(answers.dev, dev, suite, file)
    return answers


def _check(
    said: Mapping[str, FloatArray], rows: Mapping[str, Rows], suite: Suite, file: Path
) -> None:
    for name, probs in said.items():
        labels = len(suite.tasks[name].verbalizer.labels) if name in rows else 0
        if not labels or probs.shape != (len(rows[name]), labels):
            raise PetMtlError("is about other rows or labels", where=str(file), hint=_HINT)


def targets(kind: Kind, answers: Sequence[FloatArray], rows: Rows) -> FloatArray:
    """Return what a student learns from beside the labels, `[rows, K]`.

    A row that no teacher may label has its own target, or that of a training row with the same
    text, as its answer: it is learned from labels alone. One of which nothing is known has NaN and
    says nothing.
    """
    mean = together(answers)
    missing = np.flatnonzero(np.isnan(mean).any(1))
    if len(missing):
        keys = row_keys(rows)
        known = np.flatnonzero(rows.labels >= 0)
        same_text = dict(zip(keys[known].tolist(), known.tolist(), strict=True))
        for row in missing.tolist():
            teller = row if rows.labels[row] >= 0 else same_text.get(int(keys[row]))
            if teller is not None:
                mean[row] = kind.certain(rows.gold[[teller]])[0]
    return mean
