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
    assert len(found) == len(TEXTS) + 1  # of the other one nothing is said
    assert found[-1].tolist() == [1, 0]


def test_a_checkpoint_teaches(backbone: Path, tmp_path: Path) -> None:
    teacher = pet_mtl.train([task()], str(backbone), tmp_path / "teacher", **FAST)
    kept = tmp_path / "run"
    pet_mtl.train([task()], str(backbone), kept, teachers=teacher, **FAST)
    model = pet_mtl.load(teacher.checkpoint, calibration="none")
    np.testing.assert_allclose(answers(kept), model.predict_proba(TEXTS), atol=1e-5)
    before = answers(kept)
    pet_mtl.train([task()], str(backbone), kept, teachers=["gone"], resume=True, **FAST)
    assert (answers(kept) == before).all()
    with pytest.raises(PetMtlError, match="there is no such folder"):
        pet_mtl.train([task()], str(backbone), tmp_path / "no", teachers=["gone"], **FAST)


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ({"kind": "multi_label", "no": "不"}, [["1"], ["0", "1"]] * 3),
        ({"kind": "similarity", "range": [0, 1]}, [0.5, 1] * 3),
    ],
)
def test_unlabelled_rows_of_sets_and_numbers_are_learned_from(
    backbone: Path, tmp_path: Path, kind: dict[str, Any], labels: list[Any]
) -> None:
    given = {"labels": {"0": "坏", "1": "好"}, "more": kind, "train": (TEXTS, labels)}
    teacher = pet_mtl.train([task(**given)], str(backbone), tmp_path / "teacher", **FAST)
    run = pet_mtl.train(
        [task(**given, unlabelled=MORE)], str(backbone), tmp_path / "run", teachers=teacher, **FAST
    )
    wanted = pet_mtl.load(teacher.checkpoint, calibration="none").predict_proba(TEXTS + MORE)
    np.testing.assert_allclose(answers(run.out), wanted, atol=1e-5)
    if kind["kind"] == "multi_label":  # what a program says of numbers are the numbers themselves
        said = [{"text": MORE[1], "probabilities": {"1": 0.75, "0": 0.5}}]
        taught = task(**given, unlabelled=MORE, soft_labels=said)
        run = pet_mtl.train([taught], str(backbone), tmp_path / "said", **FAST)
        np.testing.assert_allclose(answers(run.out)[-2:], [[1, 1], [0.5, 0.75]])


def test_unlabelled_rows_calibrate(backbone: Path) -> None:
    prior = [
        pet_mtl.load(str(backbone), tasks=[each], calibration="prior").predict_proba(TEXTS)
        for each in (task(unlabelled=MORE), task(train=MORE), task())
    ]
    np.testing.assert_array_equal(prior[0], prior[1])
    assert not np.allclose(prior[0], prior[2])


def test_a_file_of_unlabelled_rows_alone(backbone: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.txt"
    file.write_text("".join(f"{text}\n" for text in MORE), "utf-8")
    alone = task(train=None, unlabelled=file, columns={"text": 0})
    in_memory = task(train=None, unlabelled=MORE)
    np.testing.assert_array_equal(
        *(pet_mtl.load(str(backbone), each).predict_proba(TEXTS) for each in (alone, in_memory))
    )
    with pytest.raises(PetMtlError, match="`mood` has no training rows"):
        pet_mtl.train([alone], str(backbone), tmp_path / "no", **FAST)


def test_files_and_rows_go_together(backbone: Path, tmp_path: Path) -> None:
    file, more = tmp_path / "rows.tsv", tmp_path / "more.tsv"
    file.write_text("".join(f"{t}\t{y}\n" for t, y in zip(TEXTS, LABELS, strict=True)), "utf-8")
    more.write_text("".join(f"{t}\t\n" for t in MORE), "utf-8")
    of_files = {"train": str(file), "columns": {"text": 0, "label": 1}}
    said = [tuple(SAID), pd.DataFrame(SAID)]
    for number, each in enumerate(said):  # a missing cell of a frame is NaN
        given = task(**of_files, unlabelled=str(more), soft_labels=each)
        pet_mtl.train([given], str(backbone), tmp_path / str(number), **FAST)
        assert answers(tmp_path / str(number))[[0, len(TEXTS)]].tolist() == [[0.75, 0.25], [1, 0]]
    for wrong in ({**of_files, "unlabelled": [{"text": "a"}]}, {"unlabelled": "more.tsv"}):
        with pytest.raises(PetMtlError, match="of `train` and `unlabelled` one is a file"):
            pet_mtl.train([task(**wrong)], str(backbone), tmp_path / "no", **FAST)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([1, 0], {1: np.float32(1), 0: np.int64(0)}),
        ([True, False], {np.True_: 1, False: 0.0}),
        ([1, 0], {1.0: 1, "0": None}),
    ],
)
def test_labels_and_numbers_of_any_type(
    backbone: Path, tmp_path: Path, labels: list[Any], said: Any
) -> None:
    words = dict(zip(labels, ["好", "坏"], strict=True))
    rows = [{"text": TEXTS[1], "probabilities": said}]
    given = task(labels=words, train=(TEXTS, labels * 3), soft_labels=rows)
    pet_mtl.train([given], str(backbone), tmp_path / "run", **FAST)
    assert answers(tmp_path / "run")[1].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([{"text": "好", "probabilities": {"2": 1}}], 'soft_labels: row 1: "2" is no label'),
        ([{"text": "好", "label": "1"}], "are about other texts"),
        ([], "task mood: `soft_labels` holds no rows"),
    ],
)
def test_wrong_soft_labels(backbone: Path, tmp_path: Path, said: Any, message: str) -> None:
    with pytest.raises(PetMtlError, match=message):
        pet_mtl.train([task(soft_labels=said)], str(backbone), tmp_path / "run", **FAST)
