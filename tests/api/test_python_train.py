"""`pet_mtl.train` and `pet_mtl.load` with tasks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pet_mtl
from pet_mtl.errors import PetMtlError

TEXTS = ["好天气", "坏天气", "新闻好", "新闻坏", "好的", "坏的"] * 4
LABELS = ["1", "0"] * 12
NAN = float("nan")
WORDS = {"1": "好", "0": "坏"}
FAST = {"max_steps": 3, "precision": "fp32", "batch_tokens": 120, "max_length": 32}


def task(**more: Any) -> pet_mtl.Task:
    given = {"labels": WORDS, "patterns": "{mask}。{text}", "train": (TEXTS, LABELS), "dev": 0.3}
    return pet_mtl.Task("mood", **{**given, **more})


def test_a_run(backbone: Path, tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    run = pet_mtl.train([task()], str(backbone), tmp_path / "run", callbacks=[seen.append], **FAST)
    assert run.checkpoint.is_dir()
    assert run.report is not None
    assert run.scores["mood"].examples > 0
    lines = (tmp_path / "run" / "metrics.jsonl").read_text("utf-8").splitlines()
    assert seen == [json.loads(line) for line in lines]
    assert any("dev" in record for record in seen)
    labels = [found.label for found in run.predict(TEXTS)]
    assert labels == [found.label for found in pet_mtl.load(run.checkpoint).predict(TEXTS)]
    assert "mood macro-F1" in repr(run)
    page = run._repr_html_()
    assert "<td>mood</td>" in page
    assert "srcdoc=" in page


def test_files_and_memory_give_one_run(backbone: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.tsv"
    file.write_text("".join(f"{t}\t{y}\n" for t, y in zip(TEXTS, LABELS, strict=True)), "utf-8")
    of_file = task(train=str(file), columns={"text": 0, "label": 1})
    mappings = [{"text": t, "label": int(y)} for t, y in zip(TEXTS, LABELS, strict=True)]
    probabilities = []
    for number, one in enumerate([task(), of_file, task(train=mappings)]):
        run = pet_mtl.train([one], str(backbone), tmp_path / str(number), **FAST)
        probabilities.append(run.model.predict_proba(TEXTS))
    np.testing.assert_array_equal(probabilities[0], probabilities[1])
    np.testing.assert_array_equal(probabilities[0], probabilities[2])


KINDS: list[tuple[dict[str, Any], list[Any], list[str]]] = [
    (
        {"kind": "multi_label"},
        [["1"], ["0", "1"], ("1",), [0], {"1", "0"}, np.array(["1"])] * 4,
        ['["1"]', '["0", "1"]', '["1"]', '["0"]', '["0", "1"]', '["1"]'] * 4,
    ),
    (
        {"kind": "similarity", "range": [0, 2]},
        [0, 1.5, 2, np.float32(0.5), "1", 1] * 4,
        ["0", "1.5", "2", "0.5", "1", "1"] * 4,
    ),
]


@pytest.mark.parametrize(("kind", "labels", "cells"), KINDS)
def test_sets_and_numbers_in_memory(
    backbone: Path, tmp_path: Path, kind: dict[str, Any], labels: list[Any], cells: list[str]
) -> None:
    file = tmp_path / "rows.tsv"
    file.write_text("".join(f"{t}\t{y}\n" for t, y in zip(TEXTS, cells, strict=True)), "utf-8")
    more = {"more": kind, "labels": {"0": "坏", "1": "好"}}
    of_file = task(train=str(file), columns={"text": 0, "label": 1}, **more)
    probabilities = []
    for number, one in enumerate([task(train=(TEXTS, labels), **more), of_file]):
        run = pet_mtl.train([one], str(backbone), tmp_path / str(number), **FAST)
        probabilities.append(run.model.predict_proba(TEXTS))
    np.testing.assert_array_equal(*probabilities)


def test_a_callback_ends_the_run_and_it_goes_on(backbone: Path, tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(record: dict[str, Any]) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        pet_mtl.train([task()], str(backbone), tmp_path / "run", callbacks=stop, **FAST)
    assert not (tmp_path / "run" / ".lock").exists()
    assert not (tmp_path / "run" / "last").exists()  # it ended before the first state was saved
    again = pet_mtl.train([task()], str(backbone), tmp_path / "run", resume=True, **FAST)
    whole = pet_mtl.train([task()], str(backbone), tmp_path / "whole", **FAST)
    weights = [(run.out / "last" / "model.safetensors").read_bytes() for run in (again, whole)]
    assert weights[0] == weights[1]


def test_callbacks_are_known_before_anything_is_written(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong: Any
    for wrong in ([None], 3):
        with pytest.raises(PetMtlError, match="`callbacks` must be functions"):
            pet_mtl.train([task()], str(backbone), callbacks=wrong, **FAST)
    assert not list(tmp_path.iterdir())
    seen: list[dict[str, Any]] = []
    each = (callback for callback in [seen.append])  # every one gets every record
    pet_mtl.train([task()], str(backbone), tmp_path / "run", callbacks=each, **FAST)  # type: ignore[arg-type]
    assert len(seen) == len((tmp_path / "run" / "metrics.jsonl").read_text("utf-8").splitlines())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patterns": "{mask}。{text"}, "is never closed"),
        ({"patterns": "{text}"}, "mask"),
        ({"train": (TEXTS, LABELS[:-1])}, "24 rows and 23 labels"),
        ({"train": (TEXTS, ["9"] * 24)}, "none of the 24 labels is in tasks.mood.verbalizer"),
        ({"train": (TEXTS, ["9", *LABELS[1:]])}, 'mood train: row 1: label "9" is not in'),
        (
            {"more": {"kind": "multi_label"}, "train": (TEXTS, [["1", "2"], *LABELS[1:]])},
            'mood train: row 1: label "2" of the row\'s set is not in',
        ),
        *(
            (
                {
                    "more": {"kind": kind},
                    "labels": {"nan": "坏", "1": "好", "0": "不"},
                    "train": (TEXTS, [*LABELS[:1], missing, *LABELS[2:]]),
                },
                message,
            )
            for kind, missing, message in [
                ("multi_label", ["1", NAN], 'train: row 2: the list holds "NaN", which is no'),
                ("multi_label", {"1", NAN}, 'train: row 2: the list holds "NaN", which is no'),
                ("multi_label", np.array([NAN]), 'train: row 2: the list holds "NaN", which is'),
                ("multi_label", np.float32(NAN), "mood train: row 2: the label is empty"),
                ("classification", NAN, "mood train: row 2: the label is empty"),
                ("classification", [NAN], "mood train: row 2: the label is empty"),
            ]
        ),
        (
            {"more": {"kind": "similarity", "range": [0, 1]}, "train": (TEXTS, [NAN, *LABELS[1:]])},
            "mood train: row 1: the target is empty",
        ),
        (
            {"more": {"kind": "similarity", "range": [0, 1]}, "train": (TEXTS, [2, *LABELS[1:]])},
            'row 1: the target "2" is outside the range',
        ),
        ({"train": (TEXTS, ["1"] * 24)}, "have one label"),
        ({"train": TEXTS}, "have no label `label`"),
        ({"train": ([3] * 24, LABELS)}, "rows[0] gives no text for the field `text`"),
        ({"labels": {"1": "好", "0": "好"}}, "have the same label words"),
        ({"more": {"slot": "shared"}}, "unknown key `slot`"),
    ],
)
def test_wrong_tasks(backbone: Path, tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(PetMtlError) as caught:
        pet_mtl.train([task(**change)], str(backbone), tmp_path / "run", **FAST)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_all_problems_at_once(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(PetMtlError) as caught:
        pet_mtl.train([task(prefix="{a}")], str(backbone), tmp_path, epoch=3, learning_rate="a")
    places = [problem.where for problem in caught.value.problems]
    assert {"tasks.mood.prefix", "train.epoch", "train.learning_rate"} <= set(places)


def test_zero_shot(backbone: Path) -> None:
    model = pet_mtl.load(str(backbone), tasks=[task(train=None, dev=None)])
    found = model.predict(iter(TEXTS))
    assert {one.label for one in found} <= {"0", "1"}
    assert model.labels() == ("1", "0")
    assert model.predict_proba(TEXTS).shape == (24, 2)
    assert "mood: 2 labels" in repr(model)
    assert "0 → 坏" in model._repr_html_()
    calibrated = pet_mtl.load(str(backbone), [task(train=None, dev=None)], "contextual")
    assert not np.allclose(calibrated.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_the_prior_of_rows_in_memory(backbone: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.tsv"
    file.write_text("".join(f"{t}\t{y}\n" for t, y in zip(TEXTS, LABELS, strict=True)), "utf-8")
    for dev in (None, 0.3):
        of_file = task(train=str(file), dev=dev, columns={"text": 0, "label": 1})
        wanted = pet_mtl.load(str(backbone), [of_file], "prior").predict_proba(TEXTS)
        found = pet_mtl.load(str(backbone), [task(dev=dev)], "prior").predict_proba(TEXTS)
        np.testing.assert_array_equal(found, wanted)
    without = pet_mtl.load(str(backbone), [task(train=TEXTS, dev=None)], "prior")
    all_rows = pet_mtl.load(str(backbone), [task(dev=None)], "prior")
    np.testing.assert_array_equal(without.predict_proba(TEXTS), all_rows.predict_proba(TEXTS))
    with pytest.raises(PetMtlError, match=r"`train` holds no rows\n.*`contextual`.* needs none"):
        pet_mtl.load(str(backbone), [task(train=None, dev=None)], "prior")
    with pytest.raises(PetMtlError, match=r"`train` holds no rows\n.*train=\(rows, labels\)"):
        pet_mtl.train([task(train=None, dev=None)], str(backbone), tmp_path / "run")


def test_a_pattern_file_for_a_backbone(backbone: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "version: 1\nmodel: zh-mini\ntasks:\n  mood:\n    patterns: '{mask}。{text}'\n"
        "    verbalizer: {'1': 好, '0': 坏}\n    columns: {text: 0, label: 1}\n"
        "    data: {train: none.tsv}\ntrain: {max_length: 32}\n",
        encoding="utf-8",
    )
    model = pet_mtl.load(str(backbone), tasks=file)
    same = pet_mtl.load(str(backbone), tasks=[task(train=None, dev=None)])
    assert model.predict(TEXTS) == same.predict(TEXTS)


def test_a_backbone_without_tasks() -> None:
    with pytest.raises(PetMtlError, match="which has no tasks"):
        pet_mtl.load("zh-mini")


def test_pairs(backbone: Path) -> None:
    pair = pet_mtl.Task("pair", {1: "好", 0: "坏"}, "{one}？{mask}，{two}")
    model = pet_mtl.load(str(backbone), tasks=[pair])
    assert model.predict([("好", "坏")]) == model.predict([{"one": "好", "two": "坏"}])


def test_importing_is_light() -> None:
    code = (
        "import sys, pet_mtl; "
        "print(sorted({'torch', 'sklearn', 'numpy', 'pyarrow', 'pydantic'} & set(sys.modules)), "
        "pet_mtl.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(" ")[0] == "[]"
    assert set(pet_mtl.__all__) <= set(dir(pet_mtl))
