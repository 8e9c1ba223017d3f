"""The exported graph against `pet_mtl.load`, for all ways to read words of several lengths."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from toy_kinds import write_kinds

import pet_mtl
from pet_mtl.cloze.encode import encode_forms
from pet_mtl.data.rows import Rows
from pet_mtl.export.label_graph import LabelGraph, PromptPlace, prompt_places
from pet_mtl.export.possible import require_graph
from pet_mtl.export.writing import writing
from pet_mtl.kinds import kind_of
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.suite.suite import load_suite
from pet_mtl.training.run import train

ROWS = [("一条新闻", "体育天气"), ("坏" * 20, ""), ("科", "天 气，文化？"), ("", "真好")]
WORDS = 'tasks.pair.verbalizer={"0": [好, 真好], "1": [坏, 这是坏的]}'


def graph_log_probs(
    loaded: LoadedCheckpoint, name: str, columns: dict[str, list[str]], bias: Sequence[float]
) -> NDArray[np.float32]:
    """Return what the graph gives for rows, written out by hand."""
    task, compiled = loaded.suite.tasks[name], loaded.compiled.of_task(name)
    store = encode_forms(compiled.forms, {name: Rows.of(columns)}, loaded.tokenizer, 32)
    places, rows = prompt_places(compiled.forms), len(next(iter(columns.values())))
    ids = np.full((rows, len(places), 40), loaded.tokenizer.pad_id)
    mask, slots = np.zeros_like(ids), np.zeros((rows, len(places)), np.int64)
    for row in range(rows):
        for place, prompt in enumerate(places):
            (item,) = np.flatnonzero((store.row == row) & (store.form == prompt.form))
            text = store.ids[store.starts[item] : store.starts[item + 1]].tolist()
            at = slots[row, place] = int(store.slot_at[item])
            text[at:at] = [loaded.tokenizer.mask_id] * prompt.masks
            ids[row, place, : len(text)], mask[row, place, : len(text)] = text, 1
    head, kind = require_graph(loaded, task), kind_of(task)
    graph = LabelGraph(
        loaded.mlm.float(), head, compiled, task.aggregation, kind, torch.tensor(bias)
    ).eval()
    with torch.inference_mode():
        found: NDArray[np.float32] = graph(*map(torch.from_numpy, (ids, mask, slots))).numpy()
    return found


@pytest.mark.parametrize(
    ("slots", "masks"), [("exact", [1, 2, 4]), ("2", [1, 4]), ("1", [4]), ("shared", [4])]
)
def test_every_value_of_slots(make: Callable[..., Path], slots: str, masks: list[int]) -> None:
    checkpoint = make(WORDS, f"tasks.pair.slots={slots}")
    loaded = LoadedCheckpoint(checkpoint)
    forms = loaded.compiled.of_task("pair").forms
    assert prompt_places(forms) == [PromptPlace(0, number) for number in masks]
    columns = {"one": [one for one, _ in ROWS], "two": [two for _, two in ROWS]}
    found = np.exp(graph_log_probs(loaded, "pair", columns, loaded.calibration["pair"].bias))
    wanted = [p.probabilities for p in pet_mtl.load(checkpoint).predict(ROWS, "pair")]
    np.testing.assert_allclose(found, [list(p.values()) for p in wanted], atol=1e-5)
    assert np.ptp(found[:, 0]) > 0.01


def test_every_kind(tmp_path: Path, toy_backbone: Path) -> None:
    """The graph and what `run.py` makes of it, against what `predict` writes."""
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    from pet_mtl.export import standalone

    levels = [
        'tasks.stars.verbalizer={"x/1": 悲, "x/2": 伤, "y/3": 喜, "x": 同, "y": 无}',
        "tasks.stars.kind=classification",
        "tasks.stars.metric=macro_f1",
        "tasks.stars.levels=by_level",
    ]
    file = write_kinds(tmp_path, toy_backbone)
    rows = (tmp_path / "stars.train.tsv").read_text(encoding="utf-8")
    for star, label in (("1", "x/1"), ("2", "x/2"), ("3", "y/3")):
        rows = rows.replace(f"\t{star}\n", f"\t{label}\n")
    for part in ("train", "dev"):
        (tmp_path / f"stars.{part}.tsv").write_text(rows, encoding="utf-8")
    suite = load_suite(file, overrides=["train.max_steps=2", "train.evaluate_every=2", *levels])
    checkpoint = train(suite, tmp_path / "run").out / "checkpoint"
    loaded, model = LoadedCheckpoint(checkpoint), pet_mtl.load(checkpoint, calibration="none")
    classifier = object.__new__(standalone.Classifier)
    for name in ("marks", "shares", "alike", "stars", "judged"):
        task, texts = loaded.suite.tasks[name], ["甲乙" * 20, "山", "", "丙庚水"]
        columns = {field: texts[place:] + texts[:place] for place, field in enumerate(task.fields)}
        labels = len(task.verbalizer.labels)
        found = graph_log_probs(loaded, name, columns, [0.0] * labels)
        how = writing(task, loaded.compiled.of_task(name).forms, loaded.tokenizer, 32)
        classifier.how = json.loads(json.dumps(how))
        rows_of = [
            dict(zip(columns, of_row, strict=True))
            for of_row in zip(*columns.values(), strict=True)
        ]
        for log_probs, said in zip(found, model.predict(rows_of, name), strict=True):
            answer = classifier.decide(log_probs.astype(float))
            if name == "alike":
                assert answer == {"value": pytest.approx(said.value, abs=1e-5)}
                continue
            assert answer["probabilities"] == pytest.approx(said.probabilities, abs=1e-5)
            key = "labels" if name in ("marks", "shares") else "label"
            assert answer[key] == said.more.get(key, said.label)


def test_a_narrow_range() -> None:
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    from pet_mtl.export import standalone

    classifier = object.__new__(standalone.Classifier)
    classifier.how = {"labels": ["low", "high"], "range": [0.0, 2e-7]}
    said = classifier.decide(np.log([0.25, 0.75]))
    assert said == {"value": pytest.approx(1.5e-7, rel=1e-9)}
