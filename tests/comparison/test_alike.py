"""Methods that an earlier version put into one folder."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pet_mtl.comparison import run
from pet_mtl.comparison.alike import mixed_cells
from pet_mtl.comparison.plan import Cell, cell_path, read_variants
from pet_mtl.comparison.run import Request, compare
from pet_mtl.suite.suite import Suite, load_suite

LOW, HIGH = "pet:train.learning_rate=1e-0", "pet:train.learning_rate=1e+0"


def request(file: Path, methods: str) -> Request:
    def load(method: str, options: Sequence[str]) -> Suite:
        return load_suite(file, overrides=options, method=method)

    return Request(read_variants(methods, load), [2], 1, False, few_shot_steps=1)


def test_a_cell_of_two_methods_is_done_again(
    suite_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted, out = request(suite_file, f"pet,{LOW},{HIGH}"), tmp_path / "out"
    right = compare(wanted, out)
    pet, low, high = (cell_path(out, Cell(name, 2, 42)) for name in ("pet", LOW, HIGH))
    # as an earlier version left it: the folder without a digest holds the other method's results
    shutil.rmtree(low)
    high.rename(low)
    result = json.loads((low / "result.json").read_text(encoding="utf-8"))
    result["macro_f1"] = dict.fromkeys(result.pop("scores"), 1.0)  # its name then
    (low / "result.json").write_text(json.dumps(result), encoding="utf-8")
    settings = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    del settings["folder_naming"]
    (out / "compare.json").write_text(json.dumps(settings), encoding="utf-8")
    kept = (pet / "result.json").read_bytes()
    capsys.readouterr()

    again = compare(wanted, out)
    assert "gave `pet:train.learning_rate=1e-0` and `pet:train.learning_rate=1e+0` one folder" in (
        capsys.readouterr().err
    )
    assert [entry.tasks for entry in again.entries] == [entry.tasks for entry in right.entries]
    assert (pet / "result.json").read_bytes() == kept

    monkeypatch.setattr(run, "train_cell", lambda *_: pytest.fail("done twice"))
    third = compare(wanted, out)
    assert replace(third, created="") == replace(again, created="")
    assert "one folder" not in capsys.readouterr().err


def test_only_cells_of_that_method_are_mixed(tmp_path: Path) -> None:
    methods = dict.fromkeys(("pet:train.ema=0", "pet:train.ema 0", "pet:train.ema=0.9", "pet"))
    for name in (
        "pet-train.ema=0.4.seed-42.joint",
        "pet-train.ema=0.9.4.seed-42.joint",
        "pet-train.ema-0.all.seed-1.alone-topic",
        "pet.all.seed-42.joint",
    ):
        (tmp_path / "cells" / name / "run").mkdir(parents=True)
    (tmp_path / "cells" / "pet-train.ema=0.8.seed-42.joint").mkdir()  # nothing in it

    def found(settings: object) -> list[str]:
        (tmp_path / "s.json").write_text(json.dumps(settings), encoding="utf-8")
        return [folder.name for folder in mixed_cells(tmp_path, "s.json", "result.json")]

    assert found({"methods": methods}) == []
    methods["pet:train.ema:0"] = None
    assert found({"methods": methods}) == ["pet-train.ema-0.all.seed-1.alone-topic"]
    methods["pet/train.ema=0"] = None
    assert set(found({"methods": methods})) == {
        "pet-train.ema-0.all.seed-1.alone-topic",
        "pet-train.ema=0.4.seed-42.joint",
    }
    assert found({"methods": methods, "folder_naming": 2}) == []
    assert found([]) == found({"methods": 3}) == found({"folder_naming": "x"}) == []
