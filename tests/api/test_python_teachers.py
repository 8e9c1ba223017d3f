"""Teachers and soft labels in Python."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pet_mtl
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.outputs import TEACHER
from pet_mtl.storage.tensors import read_arrays

TEXTS = ["好天气", "坏天气", "新闻好", "新闻坏", "好的", "坏的"]
LABELS = ["1", "0"] * 3
MORE = ["好新闻", "坏新闻"]
FAST = {"max_steps": 2, "precision": "fp32", "batch_tokens": 120, "max_length": 32}
SAID = [
    {"text": TEXTS[0], "probabilities": {"1": 0.75, "0": 0.25}},
    {"text": MORE[0], "label": 1},
]


def task(**more: Any) -> pet_mtl.Task:
    labels = {"1": "好", "0": "坏"}
    given = {"labels": labels, "patterns": "{mask}。{text}", "train": (TEXTS, LABELS)}
    return pet_mtl.Task("mood", **{**given, **more})


def answers(out: Path) -> Any:
    return read_arrays(out / TEACHER)["mood"]


def test_soft_labels_in_memory_in_a_frame_and_in_a_file(backbone: Path, tmp_path: Path) -> None:
    file = tmp_path / "said.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in SAID), encoding="utf-8")
    frame = pd.DataFrame(SAID[:1])
    for number, said in enumerate([SAID, frame, str(file), [file]]):
        out = tmp_path / str(number)
        pet_mtl.train([task(soft_labels=said)], str(backbone), out, **FAST)
        np.testing.assert_allclose(answers(out)[:3], [[0.75, 0.25], [0, 1], [1, 0]])


def test_unlabelled_rows_learn_from_soft_labels(backbone: Path, tmp_path: Path) -> None:
    given = task(soft_labels=SAID, unlabelled=MORE)
    run = pet_mtl.train([given], str(backbone), tmp_path / "run", **FAST)
    found = answers(run.out)
    assert len(found) == len(TEXTS) + len(MORE)
    assert found[len(TEXTS)].tolist() == [1, 0]
    assert np.isnan(found[-1]).all()


def test_a_checkpoint_teaches(backbone: Path, tmp_path: Path) -> None:
    teacher = pet_mtl.train([task()], str(backbone), tmp_path / "teacher", **FAST)
    kept = tmp_path / "run"
    pet_mtl.train([task()], str(backbone), kept, teachers=[str(teacher.checkpoint)], **FAST)
    model = pet_mtl.load(teacher.checkpoint, calibration="none")
    np.testing.assert_allclose(answers(kept), model.predict_proba(TEXTS), atol=1e-5)
    before = answers(kept)
    pet_mtl.train([task()], str(backbone), kept, teachers=["gone"], resume=True, **FAST)
    assert (answers(kept) == before).all()
    with pytest.raises(PetMtlError, match="there is no such folder"):
        pet_mtl.train([task()], str(backbone), tmp_path / "no", teachers=["gone"], **FAST)


def test_unlabelled_rows_calibrate(backbone: Path) -> None:
    prior = [
        pet_mtl.load(str(backbone), tasks=[each], calibration="prior").predict_proba(TEXTS)
        for each in (task(unlabelled=MORE), task(train=MORE), task())
    ]
    np.testing.assert_array_equal(prior[0], prior[1])
    assert not np.allclose(prior[0], prior[2])


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([{"text": "好", "probabilities": {"2": 1}}], 'soft_labels: row 1: "2" is no label'),
        ([{"text": "好", "label": "1"}], "are about other texts"),
        ([], "holds no rows"),
    ],
)
def test_wrong_soft_labels(backbone: Path, tmp_path: Path, said: Any, message: str) -> None:
    with pytest.raises(PetMtlError, match=message):
        pet_mtl.train([task(soft_labels=said)], str(backbone), tmp_path / "run", **FAST)
