"""The folder of a comparison: what belongs to it, and which cells are done."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pet_mtl.atomic import write_text
from pet_mtl.comparison.alike import begin_anew, mixed_cells, noted
from pet_mtl.comparison.cell import CellResult
from pet_mtl.comparison.plan import Cell, Variant, cell_path
from pet_mtl.data.keys import row_keys
from pet_mtl.data.suite_data import TaskData
from pet_mtl.errors import PetMtlError
from pet_mtl.leftovers import sweep
from pet_mtl.storage.backbone_digests import backbone_digests, refuse_replaced
from pet_mtl.storage.checked_json import read_bounded
from pet_mtl.storage.same_settings import (
    changed_keys,
    note_settings,
    same_settings,
    training_settings,
)
from pet_mtl.suite.suite import Suite

SETTINGS = "compare.json"
PAGES = ("results.json", "compare.md", "compare.html")
RESULT = "result.json"


def settings_of(
    variants: Sequence[Variant],
    data: Mapping[str, TaskData],
    keys: Mapping[str, Any],
    few_shot_steps: int,
) -> dict[str, Any]:
    """Return all that the cells' results depend on, as plain values; `keys` are the `row_keys` of
    dev rows by task."""
    return {
        "few_shot_steps": few_shot_steps,
        "rows": {
            name: _digest(
                task.train_keys,
                task.train.gold,
                *((keys[name], task.dev.gold) if task.dev else ()),
            )
            for name, task in data.items()
        },
        "unlabelled": {
            name: _digest(row_keys(task.unlabelled))
            for name, task in data.items()
            if task.unlabelled
        },
        "soft_labels": {
            name: _digest(task.soft_labels.keys, task.soft_labels.probabilities)
            for name, task in data.items()
            if task.soft_labels is not None
        },
        "backbones": backbone_digests({one.suite.model: one.suite for one in variants}),
        "methods": {variant.name: training_settings(variant.suite) for variant in variants},
    }


def _digest(*arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def check_settings(out: Path, now: dict[str, Any]) -> None:
    """Note the settings of a comparison, after checking that the cells which are there were made
    with the same ones.

    Methods, seeds and shots may be added to a comparison.

    Raises:
        PetMtlError: the folder holds another comparison.
    """
    file = out / SETTINGS
    for left in (SETTINGS, *PAGES):
        sweep(out / left)

    def changes(then: dict[str, Any]) -> list[str]:
        # earlier versions noted no unlabelled rows, and knew no soft labels
        then = {"unlabelled": now["unlabelled"], "soft_labels": {}, **then}
        parts = ("few_shot_steps", "rows", "unlabelled", "soft_labels")
        found = [key for key in parts if then[key] != now[key]]
        for name in now["methods"].keys() & then["methods"].keys():
            found += changed_keys(then["methods"][name], now["methods"][name])
        if not found:
            refuse_replaced({**then.get("backbones", {})}, now["backbones"], out)
        return found

    then = same_settings(file, "comparison", ("cells",), changes)
    before = then or {}
    together = {key: {**before.get(key, {}), **now[key]} for key in ("backbones", "methods")}
    begin_anew(mixed(out), RESULT)
    note_settings(file, noted({**now, **together}))


def mixed(out: Path) -> dict[Path, list[str]]:
    """Return the folders of cells that an earlier version may have mixed up, with the methods."""
    return mixed_cells(out, SETTINGS, RESULT)


def read_result(out: Path, cell: Cell) -> CellResult | None:
    """Return what a finished cell found, None where it is not finished.

    Raises:
        PetMtlError: the file is damaged.
    """
    file = cell_path(out, cell) / RESULT
    if not file.is_file():
        return None
    try:
        return CellResult.model_validate_json(read_bounded(file))
    except (ValidationError, ValueError, OSError, RecursionError) as error:
        raise _damaged(file) from error


def check_results(
    out: Path, suite: Suite, results: Mapping[Cell, CellResult], rows: Mapping[str, int]
) -> None:
    """Check that results are of the tasks and dev rows of a comparison.

    Args:
        rows: dev rows by task.

    Raises:
        PetMtlError: one is not.
    """
    kinds = {name: suite.tasks[name].kind_spec for name in rows}
    for cell, result in results.items():
        of_cell = {cell.task: kinds[cell.task]} if cell.task else kinds
        if not result.fits(of_cell, rows):
            raise _damaged(cell_path(out, cell) / RESULT)


def _damaged(file: Path) -> PetMtlError:
    return PetMtlError("damaged", where=str(file), hint="remove it: the cell is then done again")


def finish(out: Path, cell: Cell, result: CellResult) -> None:
    """Write a cell's result, which marks it as done, then remove its weights."""
    folder = cell_path(out, cell)
    write_text(folder / RESULT, result.model_dump_json() + "\n")
    clear(out, cell)


def clear(out: Path, cell: Cell) -> None:
    """Remove the weights of a cell that is done, and what killed writers left in its folder."""
    folder = cell_path(out, cell)
    sweep(folder / RESULT)
    for weights in ("checkpoint", "last"):
        shutil.rmtree(folder / "run" / weights, ignore_errors=True)
