"""One teacher that is asked about rows: in blocks, each kept while it may be needed again, so that
who stops an hour of asking loses minutes of it."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save

from pet_mtl.atomic import write_bytes
from pet_mtl.data.digest import short_digest
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.kinds.kind import normalized
from pet_mtl.objectives.logit_adjustment import logit_adjustment
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.processes import ALONE, Processes
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.storage.digests import file_digest
from pet_mtl.storage.tensors import read_arrays, read_metadata
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec

_BLOCK = 10_000  # rows


def ask_in_blocks(
    loaded: LoadedCheckpoint,
    suite: Suite,
    rows: Mapping[str, Rows],
    counted: Mapping[str, NDArray[np.int64]],
    folder: Path | None,
    processes: Processes = ALONE,
) -> dict[str, FloatArray]:
    """Return one teacher's probabilities `[rows, K]` for each task that it knows; see
    `ask_teacher`.

    Args:
        folder: of more than a block of rows, each that was answered is kept here, and read where it
            is there and about the same; removed by the caller. None keeps none.
    """
    known = {name: of_task for name, of_task in rows.items() if name in loaded.suite.tasks}
    found: dict[str, list[FloatArray]] = {name: [] for name in known}
    count = math.ceil(sum(map(len, known.values())) / _BLOCK)
    for number, block in enumerate(_cut(known), start=1):
        part = f", part {number} of {count}" if count > 1 else ""
        keeps = count > 1 and processes.count == 1  # several need not see one disk
        file = folder / f"{number}.safetensors" if folder and keeps else None
        about = _about(loaded, suite, block, counted) if file else {}
        said = _kept(file, about) if file else None
        if said is None:
            said = ask_teacher(loaded, suite, block, counted, processes, part)
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
                tensors = {name: np.ascontiguousarray(probs) for name, probs in said.items()}
                write_bytes(file, save(tensors, metadata=about))
        for name, probs in said.items():
            found[name].append(probs)
    return {name: np.concatenate(each) for name, each in found.items() if each}


def _cut(rows: Mapping[str, Rows]) -> Iterator[dict[str, Rows]]:
    """Cut the rows of all tasks, one behind the other, into blocks."""
    ends = np.cumsum([len(of_task) for of_task in rows.values()]).tolist()
    for start in range(0, ends[-1] if ends else 0, _BLOCK):
        block = {}
        for (name, of_task), end in zip(rows.items(), ends, strict=True):
            before = end - len(of_task)
            places = np.arange(max(start, before), min(start + _BLOCK, end)) - before
            if len(places):
                block[name] = of_task.take(places)
        yield block


def _about(
    loaded: LoadedCheckpoint,
    suite: Suite,
    rows: Mapping[str, Rows],
    counted: Mapping[str, NDArray[np.int64]],
) -> dict[str, str]:
    """Return by task what its answers depend on: the teacher, the texts, and what is done with what
    it says."""
    teacher = file_digest(loaded.folder / MANIFEST).encode()
    return {
        name: short_digest(
            teacher,
            json.dumps({key: texts.to_pylist() for key, texts in of_task.fields.items()}).encode(),
            counted[name].tobytes(),
            *(label.encode() for label in suite.tasks[name].verbalizer.labels),
        )
        for name, of_task in rows.items()
    }


def _kept(file: Path, about: Mapping[str, str]) -> dict[str, FloatArray] | None:
    """Return the answers in a file; None where it is missing, damaged or about something else."""
    try:
        return read_arrays(file) if read_metadata(file) == about else None
    except (OSError, PetMtlError, SafetensorError):
        return None


def ask_teacher(
    loaded: LoadedCheckpoint,
    suite: Suite,
    rows: Mapping[str, Rows],
    counted: Mapping[str, NDArray[np.int64]] | None,
    processes: Processes = ALONE,
    part: str = "",
) -> dict[str, FloatArray]:
    """Return one teacher's probabilities `[rows, K]` for each task that it knows; see
    `ask_teachers`.

    Args:
        counted: labels of the rows by whose frequencies its logit adjustment is taken back, by
            task; None: the probabilities are those that `score` sees, with calibration and
            adjustment.
        part: of all rows, for people.
    """
    known = {name: of_task for name, of_task in rows.items() if name in loaded.suite.tasks}
    strength, found = loaded.suite.train.logit_adjustment, {}
    log_probs_of = loaded.log_probs if counted is None else loaded.raw_log_probs
    title = f"asking {loaded.folder}{part}"
    for name, log_probs in log_probs_of(known, title=title, processes=processes).items():
        asked = loaded.suite.tasks[name]
        order = _order(suite.tasks[name], asked)
        scores, kind = log_probs[:, order], kind_of(suite.tasks[name])
        if counted is not None and kind.one_label:
            scores = normalized(scores + _adjustment(asked, counted[name], strength))
        found[name] = kind.probabilities(scores)
    return found


def _adjustment(task: TaskSpec, labels: NDArray[np.int64], strength: float) -> FloatArray:
    """Return what was added to a teacher's label scores while it was trained, `[K]` up to a
    constant: of hypotheses to the log-odds of each, by the rows of which it is true and false."""
    count = len(task.verbalizer.labels)
    if not task.kind_spec.facts.hypotheses:
        return np.asarray(logit_adjustment(labels, count, strength))
    false = (np.where(labels < 0, -1, labels != label) for label in range(count))
    each = torch.stack([logit_adjustment(of_form, 2, strength) for of_form in false])
    return np.asarray(kind_of(task).combine(each[:, None])[0, 0])


def _order(task: TaskSpec, taught: TaskSpec) -> list[int]:
    """Return where each of the task's labels stands among the teacher's."""
    return [taught.verbalizer.labels.index(label) for label in task.verbalizer.labels]
