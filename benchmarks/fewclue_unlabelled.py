"""Students that learn from rows without labels, for `fewclue.py`."""

import json
from pathlib import Path

import numpy as np

from pet_mtl.data.suite_data import load_unlabelled
from pet_mtl.distillation.plan import Request
from pet_mtl.distillation.run import distil
from pet_mtl.kinds import kind_of
from pet_mtl.scoring.calibration.plan import plan_calibrations
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.storage.pretrained import suite_model
from pet_mtl.suite.suite import Suite
from pet_mtl.training.run import train

# Schick & Schuetze 2021: teachers of a pattern each, in generations too; and the model as it is
TEACHERS = ("pet", "ipet", "untrained")
ROWS = 2000  # that a student learns from, drawn by the split's number
EPOCHS = 2.0
LABEL_SHARE = 0.5  # of the untrained model's student


def train_student(teachers: str, data_root: Path, suite: Suite, work: Path) -> Path:
    """Train a student of one task on what teachers say; return its checkpoint.

    Args:
        teachers: one of `TEACHERS`.
        suite: of one task, with the training rows of a split and its number as the seed.
        work: a folder for what is made.
    """
    (name,) = suite.tasks
    file = data_root / name / "unlabeled.json"
    drawn = draw_rows(file, work / "unlabelled.json", suite.train.seed)
    suite = with_data(suite, unlabelled=drawn)
    student = suite.train.model_copy(update={"epochs": EPOCHS})
    if teachers == "untrained":
        suite = with_data(suite, soft_labels=ask_untrained(suite, work / "said.jsonl"))
        student = student.model_copy(update={"label_share": LABEL_SHARE})
        train(suite.model_copy(update={"train": student}), work / "run")
        return work / "run" / "checkpoint"
    request = Request(
        teacher=suite,
        student=suite.model_copy(update={"train": student}),
        students_have="single",
        seeds=1 if len(suite.tasks[name].patterns) > 1 else 2,
        by_pattern=True,
        generations=2 if teachers == "ipet" else 0,
        alone=False,
    )
    return distil(request, work / "distilled").students[0]


def draw_rows(file: Path, out: Path, seed: int) -> Path:
    """Write `ROWS` of a file's rows."""
    lines = [line for line in file.read_bytes().split(b"\n") if line.strip()]
    drawn = np.random.default_rng(seed).permutation(len(lines))[:ROWS]
    out.write_bytes(b"".join(lines[number] + b"\n" for number in sorted(drawn)))
    return out


def with_data(suite: Suite, **files: Path) -> Suite:
    """Return a suite of one task with more files of rows."""
    ((name, task),) = suite.tasks.items()
    more = {key: (str(file.resolve()),) for key, file in files.items()}
    data = task.data.model_copy(update=more)
    return suite.model_copy(update={"tasks": {name: task.model_copy(update={"data": data})}})


def ask_untrained(suite: Suite, out: Path) -> Path:
    """Write what the model says of the unlabelled rows before it is trained, its prior on them
    taken out."""
    ((name, task),) = suite.tasks.items()
    loaded = LoadedModel(suite_model(suite), suite)
    plan = plan_calibrations(suite, {name: "prior"}, {})
    loaded.calibration = plan.carry_out(loaded.raw_log_probs)
    rows = load_unlabelled(task, Path(suite.base), suite.train.seed)
    assert rows is not None
    said = kind_of(task).probabilities(loaded.log_probs({name: rows})[name]).tolist()
    lines = [
        {**rows.text(i), "probabilities": dict(zip(task.verbalizer.labels, of_row, strict=True))}
        for i, of_row in enumerate(said)
    ]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    out.write_text(text, encoding="utf-8")
    return out
