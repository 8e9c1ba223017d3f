"""Cells that an earlier version mixed up: it gave methods that differ in a character which no
folder's name has (`1e-4` and `1e+4`) one folder, so that the second took the first one's results
for its own."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pet_mtl.console import say
from pet_mtl.storage.checked_json import read_bounded
from pet_mtl.storage.lock import held

NAMING = "folder_naming"
NOW = 2  # noted with the settings; 1, which nobody noted: without a digest


def mixed_cells(out: Path, settings: str, result: str) -> dict[Path, list[str]]:
    """Return the cells' folders in which several methods may have met, each with the methods.

    Args:
        settings: name of the file that notes the methods of a comparison; where it cannot be read,
            nothing is found, and who reads it next says so.
        result: name of a cell's file of results.
    """
    try:
        then = json.loads(read_bounded(out / settings))
        if then.get(NAMING, 1) >= NOW:
            return {}
        alike: dict[str, list[str]] = {}
        for name in then["methods"]:
            alike.setdefault(re.sub(r"[^\w=.-]", "-", name), []).append(name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    met = {old: names for old, names in alike.items() if len(names) > 1}
    cells = {
        old: re.compile(re.escape(old) + r"\.(?:all|\d+)\.seed-\d+\.(?:joint|alone-.+)")
        for old in met
    }
    return {
        folder: met[old]
        for old, form in cells.items()
        for folder in sorted((out / "cells").glob(f"{old}.*"))
        if form.fullmatch(folder.name) and ((folder / result).exists() or (folder / "run").exists())
    }


def begin_anew(cells: Mapping[Path, Sequence[str]], result: str) -> None:
    """Remove what `mixed_cells` found, but what another process has in hand."""
    for folder, methods in cells.items():
        with held(folder / ".lock") as ours:
            if ours:
                names = " and ".join(f"`{name}`" for name in methods)
                say(
                    f"warning: {folder}: an earlier version gave {names} one folder; what it holds "
                    "may be of either, so the cell is done again"
                )
                (folder / result).unlink(missing_ok=True)
                shutil.rmtree(folder / "run", ignore_errors=True)


def noted(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with the naming of today."""
    return {**settings, NAMING: NOW}
