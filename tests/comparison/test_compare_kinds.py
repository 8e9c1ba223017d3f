"""A whole comparison over tasks of sets, numbers and scales."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score
from toy_kinds import write_kinds

from pet_mtl.comparison.folder import check_results, read_result
from pet_mtl.comparison.plan import Cell, Variant, cell_path, read_variants
from pet_mtl.comparison.run import Request, compare
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.checkpoint_scores import score_models
from pet_mtl.suite.suite import load_suite

ALL = ("marks", "alike", "stars")


def test_every_kind_by_its_own_figure(tmp_path: Path, toy_backbone: Path) -> None:
    file = write_kinds(tmp_path, toy_backbone)
    variants = read_variants(
        "pet,heads",
        lambda method, more: load_suite(file, overrides=more, method=method, only=[*ALL]),
    )
    with pytest.raises(PetMtlError, match="openprompt knows nothing of `kind: multi_label`"):
        compare(
            Request([*variants, Variant("openprompt", variants[0].suite, "openprompt")], [2], 1),
            tmp_path / "no",
        )
    request = Request(variants, [0, 2], 2, True, few_shot_steps=2)
    found, out = compare(request, tmp_path / "out"), tmp_path / "out"
    assert found.metrics == {"marks": "macro_f1", "alike": "pearson", "stars": "macro_f1"}
    assert {(one.method, one.task) for one in found.joining} == {
        (method, task) for method in ("pet", "heads") for task in ALL
    }
    # figures and differences are those of the files, by scikit-learn and numpy
    gold = {
        name: task.dev.gold for name, task in load_suite_data(variants[0].suite).items() if task.dev
    }
    of_seeds = []
    for method in ("pet", "heads"):
        of_seed = []
        for seed in found.seeds:
            file = cell_path(out, Cell(method, 2, seed)) / "result.json"
            predicted = json.loads(file.read_text(encoding="utf-8"))["predicted"]
            sets = np.zeros(gold["marks"].shape, int)
            for row, labels in enumerate(predicted["marks"]):
                sets[row, labels] = 1
            of_seed.append(
                {
                    "marks": f1_score(gold["marks"] > 0, sets, average="macro", zero_division=0),
                    "alike": np.corrcoef(gold["alike"], predicted["alike"])[0, 1],
                    "stars": f1_score(gold["stars"], predicted["stars"], average="macro"),
                }
            )
        of_seeds.append(of_seed)
        entry = found.entry(method, 2)
        assert entry is not None
        for task in ALL:
            assert entry.tasks[task].values == pytest.approx([each[task] for each in of_seed])
    pet, heads = (np.mean([[*one.values()] for one in of_seed]) for of_seed in of_seeds)
    assert entry.difference is not None
    assert entry.difference.mean == pytest.approx(heads - pet)
    assert entry.difference.low <= entry.difference.mean <= entry.difference.high

    again = compare(request, out)
    assert again.to_json() == found.to_json()
    cell = Cell("pet", 2, 42)
    file = cell_path(out, cell) / "result.json"
    whole = json.loads(file.read_text(encoding="utf-8"))
    damage: list[tuple[str, Any]] = [
        ("marks", [3]), ("marks", 1), ("alike", [0]), ("alike", 10**400), ("alike", 4.1), ("stars", 0.5)
    ]  # fmt: skip
    rows = {name: len(of_task) for name, of_task in gold.items()}
    for task, wrong in damage:
        predicted = {**whole["predicted"], task: [wrong, *whole["predicted"][task][1:]]}
        file.write_text(json.dumps({**whole, "predicted": predicted}), encoding="utf-8")
        with pytest.raises(PetMtlError, match=r"result\.json: damaged"):
            check_results(out, variants[0].suite, {cell: read_result(out, cell)}, rows)


def test_zero_shots_are_what_score_says(tmp_path: Path, toy_backbone: Path) -> None:
    file = write_kinds(tmp_path, toy_backbone)
    (pet,) = read_variants(
        "pet", lambda method, more: load_suite(file, overrides=more, only=["marks", "shares"])
    )
    (entry,) = compare(Request([pet], [0], 1), tmp_path / "out").entries
    (scored,) = score_models([str(toy_backbone)], pet.suite)
    assert {name: of_task.values for name, of_task in entry.tasks.items()} == {
        name: (score.main.value,) for name, score in scored.tasks.items()
    }
