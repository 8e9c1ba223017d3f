"""A sweep that an earlier version began is gone on with."""

import json
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

from pet_mtl.data.digest import short_digest
from pet_mtl.data.keys import row_keys
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.sweep.space import read_space
from pet_mtl.sweep.study import TrialStore

KIND = """\
kind: similarity
    range: [0, 5]
    patterns: "{one}？{mask}，{two}"
    verbalizer: {low: 不同, high: 相同}
    columns: {one: 0, two: 1, label: 2}
    data: {train: train.tsv, dev: dev.tsv}
"""
ROWS = "天气很好\t今天晴\t4.1\n我们去看\t他睡了\t0.2\n"


def groups_alone(task: TaskData) -> str:
    """Digest rows as versions did that left the numbers out."""
    assert task.dev is not None
    assert task.dev.targets is not None
    train, dev = task.train, task.dev
    keys = (task.train_keys, row_keys(dev))
    return short_digest(
        keys[0].tobytes(), train.labels.tobytes(), keys[1].tobytes(), dev.labels.tobytes()
    )


def test_rows_with_numbers_that_were_noted_otherwise_are_the_same(
    tmp_path: Path, backbone: Path
) -> None:
    patterns, file, out = tmp_path / "toy.yaml", tmp_path / "sweep.yaml", tmp_path / "out"
    patterns.write_text(
        f"version: 1\nmodel: {backbone}\ntasks:\n  alike:\n    {KIND}", encoding="utf-8"
    )
    file.write_text("trials: 2\ntrain.learning_rate: [1e-3, 1e-1]\n", encoding="utf-8")
    for part in ("train", "dev"):
        (tmp_path / f"{part}.tsv").write_text(ROWS, encoding="utf-8")

    def load(overrides: list[str]) -> Suite:
        return load_suite(patterns, overrides=overrides)

    def begin() -> TaskData:
        data = load_suite_data(load([]))
        TrialStore(out, load, read_space(file, load), data)
        return data["alike"]

    data = begin()
    today = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    earlier = {**today, "rows": {"alike": groups_alone(data)}}
    assert earlier != today
    (out / "sweep.json").write_text(json.dumps(earlier), encoding="utf-8")
    begin()
    assert json.loads((out / "sweep.json").read_text(encoding="utf-8")) == today
    changed = ROWS.replace("4.1", "4.2")  # of the same group: noticed from now on
    (tmp_path / "train.tsv").write_text(changed, encoding="utf-8")
    with pytest.raises(PetMtlError, match=r"`rows\.alike` changed"):
        begin()
